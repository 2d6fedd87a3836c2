"""What an operator may do to a running core: kill, rearm, pause, resume, flatten, cancel."""

from __future__ import annotations

from alphapanda.books.changes import may_repeat
from alphapanda.books.emit import emit
from alphapanda.books.flags import PAPER
from alphapanda.books.orders import place_of, request_cancel
from alphapanda.books.state import Core, Maker, OrderRole, OrderState, Record, RequestVerb
from alphapanda.books.stops import (
    covers,
    kill,
    pause,
    rearm,
    set_paused,
    squares_off,
    wait_for_close,
)
from alphapanda.core.adopting import adopt
from alphapanda.core.context import AUTO
from alphapanda.core.gate import announce, decide_on
from alphapanda.core.glue import closing_refusal
from alphapanda.core.square_off import intraday
from alphapanda.model.limits import LIFTED, RejectionCode
from alphapanda.model.money import VALUE_BOUND
from alphapanda.model.rows import NEVER, Control, Kind, Out, Reason, Scope, Tif


def obey(core: Core, row: Record) -> None:
    """Do what a control row commands; say so first, if an operator sent it."""
    if row.c != 0:
        say(core, row)
    if row.kind == Control.KILL:
        kill(core, row.a, row.b, RejectionCode.KILLED)
    elif row.kind == Control.REARM:
        rearm(core, row.a, row.b)
    elif row.kind == Control.PAUSE:
        pause(core, row.a, row.b)
    elif row.kind == Control.RESUME:
        set_paused(core, row.a, row.b, 0)
    elif row.kind == Control.FLATTEN:
        flatten(core, row.a, row.b)
    elif row.kind == Control.CANCEL:
        slot = place_of(core, row.b)
        if slot >= 0:
            request_cancel(core, core.orders[slot], Reason.OPERATOR)
    elif row.kind == Control.ADOPT:
        adopt(core, row)


def say(core: Core, row: Record) -> None:
    """Append the row of a command: whom it concerns, and of a CANCEL its order."""
    strategy = row.b if row.a == Scope.STRATEGY else -1
    instrument = row.b if row.a == Scope.INSTRUMENT else -1
    order = 0
    if row.kind == Control.CANCEL:
        strategy, instrument, order = -1, -1, row.b
        slot = place_of(core, order)
        if slot >= 0:
            strategy = core.orders[slot].strategy
            instrument = core.orders[slot].row
    emit(core, Out.COMMAND, strategy, instrument, order, 0, 0, row.kind, row.a, row.c, row.d)


def flatten(core: Core, scope: int, number: int) -> None:
    """Pause a scope, cancel all that works in it, and close what it holds once that is through."""
    set_paused(core, scope, number, 1)
    clock = core.clock[0]
    for row in range(clock.instruments):
        for strategy in range(clock.strategies):
            if covers(scope, number, strategy, row):
                wait_for_close(core, strategy, row, 1)
                cancel_working(core, strategy, row, Reason.OPERATOR)


def close_intraday(core: Core, group: int) -> None:
    """Close a group's intraday positions at a broker, as a flatten does, ahead of its square-off.

    From now on what only reduces them passes; the broker's own square-off would cost a fee.
    """
    clock = core.clock[0]
    core.groups[group].intraday_end = clock.now
    clock.guarded = 1
    for row in range(clock.instruments):
        if core.instruments[row].group == group:
            for strategy in range(clock.strategies):
                if intraday(core, strategy, row):
                    wait_for_close(core, strategy, row, 1)
                    cancel_working(core, strategy, row, Reason.SQUARE_OFF)


def cancel_working(core: Core, strategy: int, row: int, reason: int) -> bool:
    """Ask for the cancellation of what a strategy has working on an instrument; say if any has."""
    found = False
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        live = order.state != OrderState.CLOSED and not squares_off(order)
        if live and order.strategy == strategy:
            if PAPER or may_repeat(core, order):
                request_cancel(core, order, reason)
            found = True
        slot = order.next
    return found


def close_all_positions(core: Core) -> None:
    """After a control row: close what flattens wait for, where nothing works any more."""
    for row in range(core.clock[0].instruments):
        if core.instruments[row].closing != 0:
            close_positions(core, row)


def close_positions(core: Core, row: int) -> None:
    """Close the positions that a flatten waits to close on an instrument, if no order works.

    It waits for all of them: what one strategy sells must not meet another's order of its scope.
    What came to work meanwhile (the exits of an entry that filled) is cancelled too.
    """
    clock = core.clock[0]
    works = False
    for strategy in range(clock.strategies):
        if core.positions[strategy * clock.instruments + row].closing != 0:
            if cancel_working(core, strategy, row, Reason.OPERATOR):
                works = True
    if works:
        return
    for strategy in range(clock.strategies):
        if core.positions[strategy * clock.instruments + row].closing != 0:
            wait_for_close(core, strategy, row, 0)
            close_position(core, strategy, row)


def close_position(core: Core, strategy: int, row: int) -> None:
    """Send closing orders for what a strategy holds, each as large as it may be."""
    held = core.positions[strategy * core.clock[0].instruments + row].qty
    held += squaring_off(core, strategy, row)
    most = largest(core, strategy, row)
    while held != 0:  # each order that is placed takes a slot, and one that is refused ends it
        qty = -min(held, most) if held > 0 else min(-held, most)
        if not send_closing(core, strategy, row, qty):
            return
        held += qty


def squaring_off(core: Core, strategy: int, row: int) -> int:
    """Return the signed quantity that the broker's square-off of a position may still fill."""
    total = 0
    slot = core.instruments[row].first
    while slot >= 0:
        order = core.orders[slot]
        if order.strategy == strategy and squares_off(order) and order.state != OrderState.CLOSED:
            total += order.qty - order.filled
        slot = order.next
    return total


def largest(core: Core, strategy: int, row: int) -> int:
    """Return the largest order that R3 lets pass, in whole lots; no bound if it is less than one.

    Then the rule itself refuses, and says why.
    """
    instrument = core.instruments[row]
    most = VALUE_BOUND // max(instrument.last, instrument.strike, 1)
    if instrument.freeze != 0:
        most = min(most, instrument.freeze)
    for owner in (strategy, core.clock[0].strategies):
        if core.limits[owner].qty != LIFTED:
            most = min(most, core.limits[owner].qty)
    lot = max(instrument.lot, 1)
    most = most // lot * lot
    return int(most) if most > 0 else NEVER


def send_closing(core: Core, strategy: int, row: int, qty: int) -> bool:
    """Send one closing order by way of a signal; say if it was placed."""
    clock = core.clock[0]
    request = core.requests[clock.n_requests]  # between hooks none waits
    clock.last_id += 1
    request.id = clock.last_id
    request.verb = RequestVerb.NEW
    request.strategy = strategy
    request.row = row
    request.qty = qty
    request.kind = Kind.MARKET
    request.price = 0
    request.trigger = 0
    request.tif = Tif.DAY
    request.product = core.positions[strategy * clock.instruments + row].product
    request.order = 0
    request.stop = 0
    request.target = 0
    request.trail = 0
    request.protection = AUTO
    request.role = OrderRole.NONE
    request.system = Maker.OPERATOR
    request.tag = 0
    announce(core, request)
    return decide_on(core, request, closing_refusal(core, request))
