"""The file of a deployment: read whole, and refused by file and field, with what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alphapanda.books.state import RequestVerb
from alphapanda.brokers.ports import OrderRequest, Report, ReportKind
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Broker
from alphapanda.model.instruments import Product
from alphapanda.runs import deployments
from alphapanda.runs.sending import Sender, Way
from alphapanda.runtime import deploying
from tests.support.running import ROOT

EXAMPLE = ROOT / "deployments" / "example.toml"


def test_the_example_binds_each_strategy() -> None:
    """What trades where, on what, with how much; one feed has the instruments of all."""
    made = deployments.read(EXAMPLE, ROOT / "strategies")
    assert made.brokers == (Broker.ZERODHA, Broker.PAPER)
    assert made.instruments == ("NSE:INFY", "NSE:TCS")
    live, quicker, idle = made.strategies
    assert (live.name, live.broker, live.cash) == ("ema_cross", Broker.ZERODHA, 250_000_000)
    assert (live.product, live.limits) == (Product.MIS, {"value": 20_000, "position": 5})
    assert (quicker.name, quicker.broker) == ("quicker", Broker.PAPER)
    assert (idle.active, idle.params["width"] > 0) == (False, True)
    given = made.options_at(Broker.PAPER)
    assert (given["latency"], given["cash"]) == ("50ms", "200000")
    assert [entry.name for entry in given["strategies"]] == ["quicker"]


@pytest.mark.parametrize(("old", "new", "said"), [
    ('broker = "zerodha"', 'broker = "zerodah"',
     "[[strategies]] 1 (ema_cross), broker = 'zerodah': write paper or zerodha. Did you mean "),
    ('broker = "zerodha"', "", '1 (ema_cross), broker: it is missing; write broker = "paper" or'),
    ("cash = 25_000 #", "cash = true #", "1 (ema_cross), cash: "),
    ("cash = 25_000 #", 'cash = "ten" #', "1 (ema_cross), cash ten: write rupees"),
    ("cash = 25_000 #", "cash = -1 #", "1 (ema_cross), cash = -1: above 0"),
    ('instruments = ["NSE:INFY"]', "instruments = []", "instruments: at least one is needed"),
    ('instruments = ["NSE:INFY"]', "instruments = [3]", "instruments[1]: write a text"),
    ('instruments = ["NSE:INFY"]', 'instruments = ["A", "A"]', "A stands there twice"),
    ("fast = 60", "fats = 60", "has no parameter 'fats'. Did you mean fast?"),
    ("fast = 60", "fast = 600", "fast = 600 must be below slow = 300"),
    ("value = 20_000", "vlaue = 1", "limits, vlaue: there is no such limit. Did you mean value"),
    ("value = 20_000", 'value = "x"', "limits, value = 'x' is no limit"),
    ('product = "MIS"', 'product = "MISS"', "product MISS: write CNC, MIS or NRML"),
    ('name = "quicker"', 'nmae = "quicker"', "2 (ema_cross), nmae: there is no such field. Did"),
    ('"50ms"', '"50 parsecs"', "[paper] latency 50 parsecs: write a time"),
    ('latency = "50ms"', "cash = 5", "[paper] cash: each strategy says its own"),
    ('latency = "50ms"', 'data = "x"', "[paper] data: there is no such option"),
    ('limits = "default"', 'latency = "5ms"', "[zerodha] latency: there is no such option"),
    ('limits = "default"', 'limits = "none.toml"', "[zerodha] limits none.toml: no such file"),
    ('feed = "kite:"', 'feed = "replay:x"', "broker zerodha trades on live ticks"),
    ('feed = "kite:"', 'feed = "kite:NSE:INFY"', "write kite: alone"),
    ('feed = "kite:"', 'feed = "run:x"', "write kite:, bus: or replay:PATH"),
    ('feed = "kite:"', 'speed = "5x"', "speed: only a recording has one"),
    ('strategy = "ema_cross"', 'strategy = "nosuch"', "no strategy 'nosuch'"),
    ('strategy = "vwap_reversion"', 'name = "quicker"\nstrategy = "ema_cross"',
     "3 (ema_cross), name: there is a quicker at paper already"),
    ("[paper]", "[papre]", "papre: there is no such field. Did you mean paper"),
    ("[paper]", "[paper", "example.toml: "),
])  # fmt: skip
def test_what_is_wrong_is_said_by_field(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Each mistake names the file, the table, the field, and what to write."""
    text = EXAMPLE.read_text()
    assert old in text
    file = tmp_path / "example.toml"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError) as refused:
        deployments.read(file, tmp_path)
    assert str(refused.value).startswith(f"{file}: ")
    assert said in str(refused.value)


def test_a_file_is_found_by_its_name(tmp_path: Path) -> None:
    """A name that is none lists those that there are; a file's name has to be one."""
    (tmp_path / "morning.toml").write_text(EXAMPLE.read_text())
    assert deployments.find(tmp_path, "morning", strategies_dir=tmp_path).name == "morning"
    with pytest.raises(UsageError, match="Did you mean morning"):
        deployments.find(tmp_path, "mornin", strategies_dir=tmp_path)
    (tmp_path / "not a name.toml").write_text(EXAMPLE.read_text())
    with pytest.raises(UsageError, match="letters, digits"):
        deployments.find(tmp_path, "not a name", strategies_dir=tmp_path)


def test_an_order_bound_elsewhere_never_leaves() -> None:
    """Each order bears the broker of its strategy; one of another is refused with the reason."""
    sent: list[OrderRequest] = []
    refused: list[Report] = []
    way = Way("zerodha", ("zerodha", "paper"), refused.append)
    sender = Sender(None, sent.extend, way)  # type: ignore[arg-type]
    for strategy, broker in enumerate(way.allowed):
        for verb in (RequestVerb.NEW, RequestVerb.CANCEL):
            facts: dict[str, Any] = dict.fromkeys(
                ("row", "qty", "kind", "price", "trigger", "tif", "product"), 0
            )
            request = OrderRequest(strategy + 1, verb, strategy, **facts, broker=broker)
            if sender._may_leave(request):
                sent.append(request)
    assert [(one.order, one.verb) for one in sent] == [(1, 0), (1, int(RequestVerb.CANCEL))]
    (report,) = refused
    assert (report.kind, report.order) == (ReportKind.REJECTED, 2)
    assert report.text == "its strategy is bound to paper, and this is zerodha"


def test_a_process_on_paper_gets_no_settings_of_a_broker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither its variables nor its settings have key, secret, user, or what opens tokens."""
    monkeypatch.setenv("ALPHAPANDA_ZERODHA__API_KEY", "a key of mine")
    monkeypatch.setenv("ALPHAPANDA_SECURITY__KEY", "another")
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(tmp_path))
    kept = deploying.environment(Broker.PAPER)
    assert not [name for name in kept if "ZERODHA" in name or "SECURITY" in name]
    assert kept["ALPHAPANDA_BASE_DIR"] == str(tmp_path)
    assert deploying.environment(Broker.ZERODHA)["ALPHAPANDA_ZERODHA__API_KEY"] == "a key of mine"
    stripped = Settings().without_broker()
    assert not stripped.zerodha.api_key.get_secret_value()
    assert not stripped.security.key.get_secret_value()
    assert stripped.runs_dir == tmp_path / "runs"
