"""Where Kite Connect is: Zerodha's own addresses, or a simulator on this machine, never both."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from alphapanda.config.sections import Zerodha
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError

SIMULATED = "sim"
"""What keys and user ids of a simulator begin with, in small letters or capitals."""
REAL_ACCOUNT = re.compile(r"[A-Z]{2,3}\d{3,5}")
"""A client id at Zerodha."""
REAL_KEY = re.compile(r"[a-z0-9]{16}")
"""A key of an app."""

OWN = {
    "api_url": ("https", "api.kite.trade"),
    "feed_url": ("wss", "ws.kite.trade"),
    "login_url": ("https", "kite.zerodha.com"),
}
LOCAL_SCHEMES = {
    "api_url": ("http", "https"), "feed_url": ("ws", "wss"), "login_url": ("http", "https"),
}  # fmt: skip
PREFIX = "ALPHAPANDA_ZERODHA__"
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, "any": socket.AF_UNSPEC}
"""Of addresses on the network, by the word of the setting."""


class Addresses(NamedTuple):
    """Where to go, and whether that is a simulator."""

    api: str
    feed: str
    login: str
    simulator: bool


def addresses_of(settings: Settings) -> Addresses:
    """Return the addresses of the settings, once they, the key and the account belong together.

    Raises:
        UsageError: if Zerodha is off, something is missing, or a simulator and a real account meet.
    """
    section = settings.zerodha
    require_complete(section)
    local = {name for name in OWN if is_local(name, getattr(section, name))}
    if local and local != set(OWN):
        other = min(set(OWN) - local)
        raise UsageError(
            f"setting zerodha.{other} ({PREFIX}{other.upper()}) is Zerodha's, others are of this "
            "machine: set all three or none"
        )
    require_account(settings, simulator=bool(local))
    login = section.login_url.partition("?")[0]
    return Addresses(section.api_url, section.feed_url, login, bool(local))


def require_complete(section: Zerodha) -> None:
    """Refuse settings without which nobody can log in."""
    if not section.enabled:
        raise UsageError(f"Zerodha is switched off: set {PREFIX}ENABLED=true")
    for name in ("user_id", "api_key", "api_secret"):
        value = getattr(section, name)
        text = value if isinstance(value, str) else value.get_secret_value()
        if not text:
            raise UsageError(f"setting zerodha.{name} is missing: set {PREFIX}{name.upper()}")
        if text != text.strip() or not text.isascii() or not text.isprintable():
            raise UsageError(
                f"setting zerodha.{name} ({PREFIX}{name.upper()}) has blanks around it, or a "
                "character that no key has: write it again"
            )


def is_local(name: str, url: str) -> bool:
    """Return whether an address is this machine's; Zerodha's own is not.

    Raises:
        UsageError: for any other address: keys and tokens go nowhere else.
    """
    where = f"setting zerodha.{name} ({PREFIX}{name.upper()})"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{where} is no address") from None
    page = name == "login_url"  # a simulator says it with key and version, which are put in again
    if parts.username is not None or parts.fragment or (parts.query and not page):
        raise UsageError(f"{where}: write it without user, question mark or hash sign")
    if not page and parts.path not in ("", "/"):
        raise UsageError(f"{where}: write it without a path: the routes begin at /")
    if (parts.scheme, host) == OWN[name] and port in (None, 443):
        return False
    if is_loopback(host) and parts.scheme in LOCAL_SCHEMES[name] and port:
        return True
    raise UsageError(
        f"{where} is {show_address(parts)}: it may be {'://'.join(OWN[name])}, or a simulator on "
        f"this machine, as {LOCAL_SCHEMES[name][0]}://127.0.0.1:8000"
    )


def is_loopback(host: str) -> bool:
    """Say if a host is this machine and cannot be another."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def show_address(parts: SplitResult) -> str:
    """Return an address without anything that may be secret."""
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"


def require_account(settings: Settings, *, simulator: bool) -> None:
    """Refuse a real key or account at a simulator, and a simulator's at Zerodha."""
    section, account = settings.zerodha, settings.account_id
    key = section.api_key.get_secret_value()
    if simulator and not (is_simulated(key) and is_simulated(section.user_id)):
        raise UsageError(
            f"the addresses are a simulator's, {PREFIX}API_KEY or {PREFIX}USER_ID is not (those "
            "begin with SIM): a real key goes to Zerodha only"
        )
    toy = is_simulated(key) and not REAL_KEY.fullmatch(key)  # a real one may begin so by chance
    if not simulator and (toy or is_simulated(section.user_id)):
        raise UsageError(
            f"{PREFIX}API_KEY or {PREFIX}USER_ID is a simulator's, the addresses are Zerodha's"
        )
    if REAL_ACCOUNT.fullmatch(account) and account != section.user_id:
        raise UsageError(
            f"setting account_id is {account}, zerodha.user_id is {section.user_id}: an account "
            "trades by its own login only"
        )


def is_simulated(text: str) -> bool:
    """Say if a key or a user id is a simulator's."""
    return text.lower().startswith(SIMULATED)
