"""The contract of risk rules: accept at the limit, refuse one unit over, fail closed.

That the contract would notice a broken rule is proven by breaking each of them.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from alphapanda import rules
from alphapanda.books.orders import append, clear, take_slot
from alphapanda.books.state import OrderState, RequestVerb, message_slot, placed_slot, repeat_slot
from alphapanda.core.matching import protected
from alphapanda.engine.compiler import generate
from alphapanda.model.limits import KINDS, RejectionCode
from alphapanda.model.rows import NEVER, Kind
from tests.support.harness import CASH, Desk, tick_strategy

NOW = 2_000_000_000
LAST = 1_000_000
RULES = [pytest.param(rule, id=rule.__name__.rpartition(".")[2]) for rule in rules.modules()]
Example = Mapping[str, Any]


def good() -> Any:
    """Return a core in which nothing speaks against its first request: buy 10 at the market."""
    engine = Desk().engine([tick_strategy({})], ("ts",))
    core = engine.plain
    engine.tables["requests"][0] = 0
    engine.tables["positions"]["product"] = 0
    engine.tables["positions"]["margin_rate"] = 0
    core.clock[0].now = NOW
    core.ledgers[1].cash = CASH
    instrument, request = core.instruments[0], core.requests[0]
    instrument.ts, instrument.last, instrument.tick = NOW, LAST, 0
    request.verb, request.qty, request.kind, request.protection = (
        RequestVerb.NEW,
        10,
        Kind.MARKET,
        -1,
    )
    return core


def rest(core: Any, qty: int, price: int) -> None:
    """Put an own LIMIT order at the exchange."""
    slot = take_slot(core)
    order = core.orders[slot]
    clear(order)
    order.id, order.state, order.kind, order.qty, order.price = (
        9, OrderState.WORKING, Kind.LIMIT, qty, price,
    )  # fmt: skip
    append(core, slot, 0)


def remember(core: Any, owner: int, key: str, ages: tuple[int, ...]) -> None:
    """Note messages of an owner, or filled orders on the request's side, of given ages."""
    ledger, position = core.ledgers[owner], core.positions[0]
    side = 0 if core.requests[0].qty > 0 else 1
    for number, age in enumerate(ages):
        if key == "messages":
            core.ring[message_slot(owner, number)] = NOW - age
            ledger.messages = ledger.messages_day = number + 1
        else:
            core.ring[repeat_slot(core, 0, side, number)] = NOW - age
            position.repeats_buy, position.repeats_sell = (
                (number + 1, 0) if side == 0 else (0, number + 1)
            )


def place(core: Any, orders: tuple[tuple[int, int, int], ...]) -> None:
    """Note orders of the strategy on the instrument: age, quantity, price."""
    for number, (age, qty, price) in enumerate(orders):
        slot = placed_slot(core, 0, number)
        core.ring[slot], core.ring[slot + 1], core.ring[slot + 2] = NOW - age, qty, price
        core.positions[0].placed = number + 1


def arranged(example: Example, owner: int) -> Any:
    """Return the good core with an example's changes, its limits and ledger those of an owner."""
    core = good()
    records = {
        "request": core.requests[0], "instrument": core.instruments[0],
        "position": core.positions[0], "limits": core.limits[owner],
        "ledger": core.ledgers[owner], "account": core.ledgers[1],
        "group": core.groups[core.instruments[0].group],
    }  # fmt: skip
    if "ledger.cash" in example and owner == 1:
        core.ledgers[1].cash = 0
    for key in sorted(example, key=lambda key: "." not in key):
        if key == "resting":
            rest(core, *example[key])
        elif key == "orders":
            place(core, example[key])
        elif key in ("messages", "fills"):
            remember(core, owner, key, example[key])
        else:
            table, _, name = key.partition(".")
            assert hasattr(records[table], name), key
            setattr(records[table], name, int(example[key]))
    return core


def examples(found: Any) -> tuple[Example, ...]:
    """Return the examples of one of AT, OVER, MISSING."""
    if found is None:
        return ()
    return found if isinstance(found, tuple) else (found,)


def owners(rule: Any) -> tuple[int, ...]:
    """Return whose limits a rule is asked with: 0 the strategy's, 1 the account's."""
    return {"both": (0, 1), "account": (1,)}.get(rule.PER, (0,))


def refused(rule: Any, example: Example, owner: int) -> bool:
    """Say if a rule refuses the good signal changed by an example."""
    core = arranged(example, owner)
    return bool(rule.check(core, core.requests[0], owner))


def broken(rule: Any) -> Iterator[str]:
    """Yield where a rule does not do what its examples say."""
    for owner in owners(rule):
        for example in examples(rule.AT):
            if refused(rule, example, owner):
                yield f"refuses {example}, owner {owner}"
        for example in (*examples(rule.OVER), *examples(rule.MISSING)):
            if not refused(rule, example, owner):
                yield f"accepts {example}, owner {owner}"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_keeps_its_examples(rule: ModuleType) -> None:
    """Each rule accepts its AT, and refuses its OVER and its MISSING, for each owner of limits."""
    assert list(broken(rule)) == []
    assert len(examples(rule.AT)) == len(examples(rule.OVER)) > 0


@pytest.mark.parametrize("rule", RULES)
def test_a_good_signal_passes(rule: ModuleType) -> None:
    """The signal that the examples change passes every rule."""
    assert not any(refused(rule, {}, owner) for owner in owners(rule))


@pytest.mark.parametrize("rule", RULES)
def test_the_ladder_gives_the_rule_s_code(rule: ModuleType) -> None:
    """The generated ladder asks each rule, for each owner, and returns its code."""
    scope: dict[str, Any] = {f"rule{n}": r.check for n, r in enumerate(rules.modules())}
    exec("\n".join(generate.refusal()), scope)
    for owner in owners(rule):
        core = arranged(examples(rule.OVER)[0], owner)
        assert scope["refusal"](core, core.requests[0]) == rule.CODE
    core = good()
    assert scope["refusal"](core, core.requests[0]) == 0


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_it_refuses_and_what_lifts_it(rule: ModuleType) -> None:
    """Its sentence has no blank but value and limit; the limits that lift it are keys of files."""
    assert rule.SAYS.format(value="1", limit="2")
    assert hasattr(rule, "SETTLES") != hasattr(rule, "LIMITED_BY")
    keys = re.findall(r"\w+", getattr(rule, "LIMITED_BY", ""))
    assert {*keys} - {"or", "and"} <= {*KINDS}


def test_every_code_has_one_rule() -> None:
    """Each refusal code but the gate's own belongs to exactly one file."""
    found = sorted(rule.CODE for rule in rules.modules())
    of_gate = {RejectionCode.UNKNOWN_ORDER, RejectionCode.ORDER_CAPACITY}
    of_gate |= {c for c in RejectionCode if RejectionCode.AUTH_LOST <= c <= RejectionCode.BROKER}
    assert found == sorted(set(RejectionCode) - of_gate)
    places = {rule.NUMBER: rule.__name__ for rule in rules.modules()}
    at_one_place = [
        rule.__name__ for rule in rules.modules() if rule.__name__ not in places.values()
    ]
    assert at_one_place == [], "another rule has its NUMBER"


SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}  # fmt: skip

SIGNS = {
    "request.qty > 0", "request.qty < 0", "request.qty >= 0", "order.qty > 0", "order.qty < 0",
    "side * request.qty > 0", "side > 0", "qty > 0",
}  # fmt: skip
"""Comparisons that tell a side; no quantity is 0, so these are turned around instead."""

SIDES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.LtE}

EQUAL = {
    "order.id == request.id": "a short cut: a change is on its order's own side",
    "lot == 1": "a short cut: one is a whole number of any lot of 1",
    "lot <= 0": "the next operand divides by it",
    "limit == LIFTED": "a short cut: nothing exceeds a lifted limit",
    "limits.position != LIFTED": "the same",
    "limits.gross == LIFTED": "the same",
    "limits.net == LIFTED": "the same",
    "limits.repeats == LIFTED": "the same",
    "limit != LIFTED": "the same",
    "limits.per_day != LIFTED": "the same",
    "limit == 0": "the window's own arithmetic refuses too when the ring is full",
    "limits.repeats == 0": "the same",
    "tick == 0": "a short cut: a remainder by 0 is an error",
}
"""Comparisons whose mutants no example can tell apart, or that have tests elsewhere."""


def sources(rule: ModuleType) -> ast.Module:
    """Return a rule's source as a tree."""
    return ast.parse(inspect.getsource(rule))


def mutants(rule: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield a rule with one comparison moved by one, for each comparison, and what was moved."""
    count = sum(isinstance(node, ast.Compare) for node in ast.walk(sources(rule)))
    for number in range(count):
        tree = sources(rule)
        node = [found for found in ast.walk(tree) if isinstance(found, ast.Compare)][number]
        text = ast.unparse(node)
        node.ops[0] = (SIDES if text in SIGNS else SWAPS)[type(node.ops[0])]()
        scope: dict[str, Any] = {"__name__": rule.__name__}
        exec(compile(tree, f"{rule.__name__} mutated", "exec"), scope)
        yield text, SimpleNamespace(**scope)


def noticed(mutant: Any) -> bool:
    """Say if the contract notices a broken rule."""
    try:
        return any(True for _ in broken(mutant))
    except (ArithmeticError, IndexError, RecursionError):
        return True


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_never_refuses_is_noticed(rule: ModuleType) -> None:
    """The contract fails for a rule whose check always lets pass, and for one that never does."""
    for answer in (False, True):
        lazy = SimpleNamespace(**{**vars(rule), "check": lambda *_, answer=answer: answer})
        assert noticed(lazy)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_off_by_one_is_noticed(rule: ModuleType) -> None:
    """The contract fails when any comparison of a rule is moved by one."""
    missed = [text for text, mutant in mutants(rule) if text not in EQUAL and not noticed(mutant)]
    assert missed == []


def test_protection_is_given_where_it_is_asked_for() -> None:
    """AUTO becomes the band of the instrument's price, and LIMIT orders carry none."""
    rule = next(rule for rule in rules.modules() if rule.CODE == RejectionCode.NO_PROTECTION)
    core = good()
    request = core.requests[0]
    rule.check(core, request, 0)
    assert request.protection == 100_000
    core.orders[0].protection, core.orders[0].qty = request.protection, 10
    assert protected(core, core.orders[0], LAST) == 1_010_000
    request.kind = Kind.LIMIT
    rule.check(core, request, 0)
    assert request.protection == 0


def test_nothing_is_open_before_a_session() -> None:
    """A core outside a session refuses whatever is asked."""
    core = Desk(always=False).engine([tick_strategy({})], ("ts",)).plain
    closed = next(rule for rule in rules.modules() if rule.CODE == RejectionCode.MARKET_CLOSED)
    assert closed.check(core, core.requests[0], 0)
    assert NEVER > NOW
