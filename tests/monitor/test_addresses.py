"""Where alerts may be sent: public hosts over https, the very number that was checked."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import pytest

from alphapanda.errors import OutsideError, UsageError
from alphapanda.monitor.addresses import is_public, resolve

PRIVATE = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::",
    "2001::1", "2001:db8::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "fec0::1",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "11.0.0.1",
          "2606:4700::1111", "2a00:1450:4001::1")  # fmt: skip


@pytest.mark.parametrize("number", PRIVATE)
def test_no_special_address_is_public(number: str) -> None:
    """Those of IANA's registries of special purposes, written in any way."""
    assert not is_public(ip_address(number))


@pytest.mark.parametrize("number", PUBLIC)
def test_a_public_address_is(number: str) -> None:
    """Neighbours of the special ones, and well known hosts."""
    assert is_public(ip_address(number))


@pytest.mark.parametrize("url", [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///x",
    "https://u@example.com/", "https://u:p@example.com/", "https://example.com:8443/",
    "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/",
    "https://example.com:x/", "https://exa mple.com/", "https://example.com/\n", "//example.com/",
    "https://[fe80::1%25eth0]/", "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/",
])  # fmt: skip
def test_a_foreign_or_odd_address_is_not_called(url: str) -> None:
    """The message names the setting; the address, which may hold a token, is in no message."""
    with pytest.raises((UsageError, OutsideError)) as refused:
        asyncio.run(resolve(url, "alerts.webhook_url"))
    assert "alerts.webhook_url" in str(refused.value)
    assert "example" not in str(refused.value)


@pytest.mark.parametrize("numbers", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], []])
def test_a_name_with_one_private_number_is_not_called(
    monkeypatch: pytest.MonkeyPatch, numbers: list[str]
) -> None:
    """Each number that the name has must be public: the next look-up may give another."""
    answers_with(monkeypatch, numbers)
    with pytest.raises((UsageError, OutsideError)):
        asyncio.run(resolve("https://hooks.example.com/x", "alerts.webhook_url"))


def test_the_number_that_was_checked_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once; what is called afterwards is a number."""
    answers_with(monkeypatch, ["2606:4700::1111", "8.8.8.8"])
    target = asyncio.run(resolve("https://hooks.example.com/a?b=c", "alerts.webhook_url"))
    assert target.url == "https://[2606:4700::1111]:443/a?b=c"
    assert target.host == "hooks.example.com"


def test_a_setting_in_the_file_lets_this_network_be_called() -> None:
    """`private` is for whoever writes the settings; https it stays."""
    target = asyncio.run(resolve("https://127.0.0.1:8443/x", "alerts.webhook_url", private=True))
    assert target.url == "https://127.0.0.1:8443/x"
    with pytest.raises(UsageError, match="only https"):
        asyncio.run(resolve("http://127.0.0.1/", "alerts.webhook_url", private=True))


def answers_with(monkeypatch: pytest.MonkeyPatch, numbers: list[str]) -> None:
    """Let every name have these numbers."""

    def found(*_: Any, **__: Any) -> list[Any]:
        return [(0, socket.SOCK_STREAM, 6, "", (number, 443)) for number in numbers]

    monkeypatch.setattr(socket, "getaddrinfo", found)
