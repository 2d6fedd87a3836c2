"""The client, made when it is first needed: its package brings Twisted along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapanda import log
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.clocks import Clock, clock_of
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError

if TYPE_CHECKING:
    from alphapanda.brokers.zerodha.client import Client

LOG = log.get("zerodha.client")


def open_client(
    settings: Settings, *, token: str = "", expires_ns: int | None = None,
    clock: Clock | None = None,
) -> Client:  # fmt: skip
    """Return a client of the settings' addresses; without a token it can only log in.

    Raises:
        UsageError: if the settings do not fit, or a package is missing.
    """
    addresses = addresses_of(settings)
    try:
        from alphapanda.brokers.zerodha.client import Client  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Zerodha needs the package {error.name}: pip install 'alphapanda[live]'"
        ) from None
    family = settings.zerodha.address_family
    LOG.info("client opened", simulator=addresses.simulator, family=family)
    used = clock or clock_of(settings, addresses)
    return Client(settings, addresses, clock=used, token=token, expires_ns=expires_ns)
