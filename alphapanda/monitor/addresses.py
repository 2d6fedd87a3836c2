"""Which addresses a setting may make this process call: public ones, and no others."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from alphapanda.errors import OutsideError, UsageError

PORT = 443
RESOLVE_S = 5.0

# IANA's registries of special-purpose addresses, written out: `is_global` differs between Pythons.
# https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry
SPECIAL_4 = tuple(map(ip_network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
    "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)))  # fmt: skip
UNICAST_6 = ip_network("2000::/3")
"""The only part of IPv6 that is given to hosts; mapped, translated and local ones lie outside."""
SPECIAL_6 = tuple(map(ip_network, (
    "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)))  # fmt: skip
"""Within it: Teredo and others, documentation, 6to4 (which leads to any IPv4), AS112."""


class Target(NamedTuple):
    """Where a call goes: the name it is for, and the one address that was checked."""

    host: str
    address: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """Return the address with the number in place of the name."""
        number = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{number}:{self.port}{self.path}"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say if an address is a public host's."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_4)
    if address.scope_id is not None or address not in UNICAST_6:
        return False
    return not any(address in network for network in SPECIAL_6)


def checked(url: str, setting: str) -> tuple[str, int, str]:
    """Return host, port and path of an https address.

    Raises:
        UsageError: if it is none; the message names the setting and never the address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        raise UsageError(f"setting {setting} is no address: https://HOST/PATH") from None
    if parts.scheme != "https" or not parts.hostname:
        raise UsageError(f"setting {setting}: only https://HOST/PATH is called")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"setting {setting}: an address with a user or a password is not called")
    if any(not 32 < ord(letter) < 127 for letter in url):
        raise UsageError(f"setting {setting}: an address has printable ASCII only")
    return parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def resolve(url: str, setting: str, *, private: bool = False) -> Target:
    """Return where a call to an address goes, looked up once and checked.

    Every number that the name has must be public, not only the one that is used. `private` lets
    through what is in this network, on any port: for a setting in the file, never for the API.

    Raises:
        UsageError: if it is no https address, or not a public one.
        OutsideError: if the name has no number.
    """
    host, port, path = checked(url, setting)
    if port != PORT and not private:
        raise UsageError(f"setting {setting}: port {port} is not called, only {PORT}")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise OutsideError(f"setting {setting}: its host is not found") from error
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not numbers:
        raise OutsideError(f"setting {setting}: its host is not found")
    if not private and not all(is_public(ip_address(number)) for number in numbers):
        raise UsageError(
            f"setting {setting}: its host is not a public one; alerts.private=true in the "
            "settings lets it be in this network"
        )
    return Target(host, numbers[0], port, path)
