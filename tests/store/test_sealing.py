"""Broker tokens at rest: unreadable, bound to their owner, and keys that can be changed."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.log import redact
from alphapanda.store.apikeys import digest, is_same, make_key, prefix_of
from alphapanda.store.sealing import seal, unseal

KITE = "zerodha access token"
TOKEN = "kX7tokenOfToday"


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def settings(folder: Path, *keys: str, owner: str = "mira", account: str = "AB1234") -> Settings:
    first, *old = keys or ("",)
    return Settings(
        base_dir=folder, owner_id=owner, account_id=account,
        security={"key": first, "old_keys": tuple(old)},
    )  # fmt: skip


def test_a_token_comes_back_and_is_not_to_be_read(tmp_path: Path) -> None:
    """What is stored holds nothing of the token, differs each time, and opens with the key."""
    mine = settings(tmp_path, key())
    first, second = (seal(mine, TOKEN, purpose=KITE) for _ in range(2))
    assert first != second
    assert TOKEN not in first
    assert base64.b64encode(TOKEN.encode()).decode() not in first
    assert unseal(mine, first, purpose=KITE) == unseal(mine, second, purpose=KITE) == TOKEN


@pytest.mark.parametrize("change", [{"owner": "arun"}, {"account": "CD5678"}, {"owner": "miraA"}])
def test_another_owner_cannot_use_a_token(change: dict[str, str], tmp_path: Path) -> None:
    """A token moved into the row of another owner or account does not open, with the same key."""
    secret = key()
    sealed = seal(settings(tmp_path, secret), TOKEN, purpose=KITE)
    with pytest.raises(OutsideError, match="not this account's"):
        unseal(settings(tmp_path, secret, **change), sealed, purpose=KITE)


def test_a_token_serves_its_purpose_only(tmp_path: Path) -> None:
    """What was sealed as one thing does not open as another."""
    mine = settings(tmp_path, key())
    with pytest.raises(OutsideError):
        unseal(mine, seal(mine, TOKEN, purpose=KITE), purpose="postback secret")


def test_every_changed_character_is_noticed(tmp_path: Path) -> None:
    """No character of what is stored can be changed, cut or added without an error."""
    mine = settings(tmp_path, key())
    sealed = seal(mine, TOKEN, purpose=KITE)
    others = [(n, other) for n, c in enumerate(sealed) for other in "ABCDEFGH_=.x" if other != c]
    changed = [sealed[:n] + other + sealed[n + 1 :] for n, other in others]
    for text in (*changed, sealed[:-4], "", "v1", "v1..", sealed.replace(".", "")):
        with pytest.raises(OutsideError):
            assert unseal(mine, text, purpose=KITE) != TOKEN


def test_keys_can_be_changed(tmp_path: Path) -> None:
    """With the former key among the old ones tokens open; without it the message says so."""
    former, new = key(), key()
    sealed = seal(settings(tmp_path, former), TOKEN, purpose=KITE)
    assert unseal(settings(tmp_path, new, former), sealed, purpose=KITE) == TOKEN
    with pytest.raises(OutsideError, match="ALPHAPANDA_SECURITY__OLD_KEYS"):
        unseal(settings(tmp_path, new), sealed, purpose=KITE)


@pytest.mark.parametrize("bad", ["", "short", base64.b64encode(b"x" * 31).decode(), "ü" * 44])
def test_no_token_is_kept_without_a_good_key(bad: str, tmp_path: Path) -> None:
    """Without a key, or with one of the wrong length, nothing is sealed; the message helps."""
    with pytest.raises(UsageError, match="alphapanda config key"):
        seal(settings(tmp_path, bad), TOKEN, purpose=KITE)


def test_a_token_that_was_used_is_in_no_log(tmp_path: Path) -> None:
    """Sealed or opened, the token is known to be secret from then on."""
    seal(settings(tmp_path, key()), TOKEN, purpose=KITE)
    assert redact.scrub(f"answer: {TOKEN} refused") == "answer: *** refused"
    redact.forget()


def test_an_api_key_is_known_by_its_hash() -> None:
    """A key is found by its prefix and accepted whole; one changed character is refused."""
    made = make_key()
    assert prefix_of(made.key) == made.prefix
    assert len(made.hash) == 64
    assert made.key not in made.hash
    assert is_same(made.key, made.hash)
    for n in range(len(made.key)):
        other = made.key[:n] + ("x" if made.key[n] != "x" else "y") + made.key[n + 1 :]
        assert not is_same(other, made.hash)
    for nonsense in ("", "_", "ap", "ap_", "\0", "ü_ü_ü", "\ud800"):
        assert not is_same(nonsense, made.hash)
        assert prefix_of(nonsense) != made.prefix
        assert len(digest(nonsense)) == 64
