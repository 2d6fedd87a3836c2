"""What commands share that send orders to a broker: their options, and the consents they need."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated, NamedTuple

from alphapanda.cli.commanding import confirm_account
from alphapanda.cli.words import day_of, option
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.runtime.venues import Sending

ORDERS = "Orders at the broker"
AccountId = Annotated[
    str | None,
    option("--account", metavar="ID", panel=ORDERS,
           text="The account's id; without it, it is asked for."),
]  # fmt: skip
DryRun = Annotated[
    bool, option("--dry-run", panel=ORDERS, text="Send nothing: each order ends at once.")
]
ReadOnly = Annotated[
    bool, option("--read-only", panel=ORDERS, text="Send only cancellations, and what closes.")
]
MaxOrders = Annotated[
    int | None,
    option("--max-orders", metavar="N", panel=ORDERS,
           text="New orders to send; what closes always passes."),
]  # fmt: skip
Until = Annotated[
    str | None,
    option("--until", metavar="DATE", panel=ORDERS,
           text="Last day; each day the same command goes on. (default: the first on which nothing "
           "is held over night)"),
]  # fmt: skip
AcceptClosing = Annotated[
    bool,
    option("--accept-closing", panel=ORDERS,
           text="Close the day although closing.json names differences."),
]  # fmt: skip


class LiveWish(NamedTuple):
    """What a command said of real orders."""

    account: str | None = None
    dry_run: bool = False
    read_only: bool = False
    max_orders: int | None = None
    until: str | None = None
    accepts: bool = False

    def sending(self) -> Sending:
        """Return what of a run's orders leaves.

        Raises:
            UsageError: if that was said twice, or can't be.
        """
        if sum((self.dry_run, self.read_only, self.max_orders is not None)) > 1:
            raise UsageError("write one of --dry-run, --read-only and --max-orders")
        if self.max_orders is not None and self.max_orders < 1:
            raise UsageError(f"--max-orders {self.max_orders}: at least 1; --read-only sends none")
        return Sending(self.dry_run, self.read_only, self.max_orders)

    def last_day(self) -> date | None:
        """Return the last day of the run, None where it was not said."""
        return day_of("until", self.until)

    def words(self) -> list[str]:
        """Return it as words of a command, the account apart."""
        flags = {"--dry-run": self.dry_run, "--read-only": self.read_only,
                 "--accept-closing": self.accepts}  # fmt: skip
        values = {"--max-orders": self.max_orders, "--until": self.until}
        found = [flag for flag, given in flags.items() if given]
        return found + [
            word for flag, value in values.items() if value is not None
            for word in (flag, str(value))
        ]  # fmt: skip


def consented(settings: Settings, account: str | None, what: str, *, quiet: bool) -> str:
    """Ask for the account's id where it was not given, and return it; say if it is a simulator's.

    Raises:
        UsageError: if the settings do not let this installation log in, or the id is another.
    """
    from alphapanda.brokers.zerodha.addresses import addresses_of  # noqa: PLC0415 (seldom needed)

    addresses = addresses_of(settings)
    confirm_account(account, settings.zerodha.user_id, what)
    if addresses.simulator and not quiet:
        sys.stderr.write("SIMULATOR: no real account, no real money\n")
    return settings.zerodha.user_id
