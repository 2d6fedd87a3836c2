"""`alphapanda login status`: whether there is a session, and until when."""

from __future__ import annotations

from rich.text import Text

from alphapanda import config, log
from alphapanda.brokers.zerodha.sessions import LOG_IN
from alphapanda.brokers.zerodha.standing import stand
from alphapanda.cli.flags import Json
from alphapanda.cli.output import print_json, print_table, whole_table

FINDING = 1


def login_status(json: Json = False) -> int:
    """Say whether there is a session at Zerodha, having asked Kite; status 1 without one."""
    settings = config.load()
    with log.running(settings):
        found = stand(settings)
    if json:
        print_json(found._asdict())
        return 0 if found.active else FINDING
    table = whole_table()
    facts = {
        "session": found.state if found.active else f"{found.state}; {LOG_IN}",
        "user": f"{found.user_id} {found.name}".strip(), "since": found.since,
        "until": found.until, "minutes left": str(found.minutes_left) if found.active else "",
        "exchanges": ", ".join(found.exchanges), "products": ", ".join(found.products),
        "at": "SIMULATOR" if found.simulator else "Zerodha",
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    print_table(table)
    return 0 if found.active else FINDING
