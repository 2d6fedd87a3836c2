"""Where the head of a cluster of Ray is: the one place that reads `HOST:PORT`."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

from alphapanda.errors import UsageError

LOCAL, RAY = "local", "ray"
FORM = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})")
HIGHEST = 65_535


class Address(NamedTuple):
    """A head's address."""

    text: str
    """As it was written, `HOST:PORT`; an IPv6 host stands in brackets."""
    host: str
    """Without brackets."""
    port: int

    def listens(self) -> bool:
        """Say if somebody listens there."""
        try:
            socket.create_connection((self.host, self.port), timeout=2).close()
        except OSError:
            return False
        return True


def read_address(text: str) -> Address | None:
    """Return `HOST:PORT` as an address, None if it is none."""
    found = FORM.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= HIGHEST:
        return None
    return Address(text, found[1].strip("[]"), int(found[2]))


def address_of(cluster: str) -> Address | None:
    """Return the address that `--cluster` names; None: the cluster is begun here.

    Raises:
        UsageError: it names no cluster.
    """
    place = cluster.removeprefix(f"{RAY}://")
    found = read_address(place)
    if cluster != RAY and (place == cluster or found is None):
        raise UsageError(
            f"--cluster {cluster}: write local (threads of this machine), ray (a cluster that is "
            "begun here) or ray://HOST:PORT"
        )
    return found
