"""Worked examples of charges by other people, as the tests of command line and core read them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from tests.support.shared import shared

PRODUCTS = {"DELIVERY": "CNC", "INTRADAY": "MIS", "FUTURES": "NRML", "OPTIONS": "NRML"}
TOLERANCE = 0.0051
KEYS = {"dp": "depository"}


def examples() -> list[Any]:
    """Return the examples."""
    return list(json.loads(shared("faults", "charges.json").read_text()))


def day_of(example: Any) -> date:
    """Return an example's day."""
    return date.fromisoformat(example["date"])


def name_of(example: Any) -> str:
    """Return an instrument of the kind that an example is about."""
    given = example.get("instrument", "")
    if ":" in given:
        return str(given)
    month = f"{day_of(example):%y%b}".upper()
    if example["cls"] == "FUTURES":
        return f"NFO:NIFTY{month}FUT"
    if example["cls"] == "OPTIONS":
        root = {"NFO": "NIFTY", "BFO": "SENSEX"}[example["exchange"]]
        return f"{example['exchange']}:{'RELIANCE' if 'stock' in given else root}{month}1000CE"
    return f"{example['exchange']}:INFY"


def words(example: Any) -> list[str]:
    """Return the command line that asks for an example."""
    found = ["charges", name_of(example), "--date", example["date"], "--json",
             "--product", PRODUCTS[example["cls"]]]  # fmt: skip
    for fill in example["fills"]:
        found += ["--buy" if fill["side"] == "B" else "--sell", f"{fill['qty']}@{fill['price']}"]
    if "exercise" in example:
        ended = example["exercise"]
        found += ["--exercise", f"{ended['qty']}@{ended['intrinsic']}x{ended['orders']}"]
    if "physical" in example:
        found += ["--close-out", "1"]
    if "square_off" in example:
        found += ["--square-off", str(example["square_off"])]
    if "dp" in example:
        found += ["--depository", str(example["dp"])]
    return [*found, "--btst"] if "btst" in example["id"] else found


def allowed(example: Any, part: str) -> float:
    """Return how far a part may be off: the example's own tolerance, and what a note rounds."""
    own = float(example.get("tolerance", TOLERANCE))
    if example.get("rounding") == "exact":
        own += {"stt": 0.5, "stamp": 0.5, "total": 1.0}.get(part, 0.005)
    return own
