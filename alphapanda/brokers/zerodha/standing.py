"""How the session at Zerodha stands: as the store knows it, and as Kite answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from alphapanda.brokers.zerodha import sessions
from alphapanda.brokers.zerodha.addresses import addresses_of
from alphapanda.brokers.zerodha.answers import AuthLostError, bounded
from alphapanda.brokers.zerodha.clocks import clock_of, time_text
from alphapanda.brokers.zerodha.opening import open_client
from alphapanda.config.settings import Settings


class Standing(NamedTuple):
    """A session as a person asks for it."""

    state: str
    """`active`, `over`, or `none`."""
    user_id: str
    name: str
    since: str
    until: str
    minutes_left: int
    exchanges: tuple[str, ...]
    """Those Kite says the account trades on."""
    products: tuple[str, ...]
    simulator: bool

    @property
    def active(self) -> bool:
        """Whether something can be asked of Kite."""
        return self.state == "active"


def stand(settings: Settings) -> Standing:
    """Return how the session stands, having asked Kite where there is one.

    Raises:
        OutsideError: if database or Kite do not answer.
    """
    addresses = addresses_of(settings)
    now_ns = clock_of(settings, addresses)()
    with sessions.database_of(settings) as (runner, database):
        login = runner.run(sessions.newest(database, addresses))
        nobody = Standing(
            "none", settings.zerodha.user_id, "", "", "", 0, (), (), addresses.simulator
        )
        if login is None:
            return nobody
        known = nobody._replace(
            state="over", user_id=login.user_id, since=time_text(login.begun_ns),
            until=time_text(login.expires_ns),
        )  # fmt: skip
        if now_ns >= login.expires_ns:
            return known
        token = sessions.token_of(settings, addresses, login)
        client = open_client(settings, token=token, expires_ns=login.expires_ns)
        try:
            profile = client.profile()
        except AuthLostError as error:
            runner.run(sessions.end(database, addresses, login, why=error.answer.text))
            return known
        finally:
            client.close()
    left = (login.expires_ns - now_ns) // (60 * 10**9)
    return known._replace(
        state="active", name=bounded(profile.get("user_name")), minutes_left=left,
        exchanges=names(profile, "exchanges"), products=names(profile, "products"),
    )  # fmt: skip


def names(profile: dict[str, Any], field: str) -> tuple[str, ...]:
    """Return a list of words of a profile."""
    found = profile.get(field)
    return tuple(map(bounded, found)) if isinstance(found, list) else ()
