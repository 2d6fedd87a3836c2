"""A profile of paper fills: settings that `alphapanda calibrate` fitted, read for `--fills`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.errors import UsageError
from alphapanda.runs.readings import SHARE, TIME, Reading

FITTED: dict[str, Reading] = {"latency": TIME, "slippage": SHARE, "volume_share": SHARE}
"""The options that a profile sets, by name, and how they are read and written."""
BESIDE = ("fitted", "range", "kept", "error")
"""Tables of a profile that say where its values come from."""


class Profile(NamedTuple):
    """A profile, read."""

    values: Mapping[str, int]
    """ns, and rates in 1e-7, by the option's name."""
    sha256: str


def read_profile(name: str, *, where: str = "") -> Profile:
    """Read a profile.

    Raises:
        UsageError: if there is none, or it does not say each of the settings.
    """
    path = Path(name).expanduser()
    flag = f"{where}--fills {name}"
    if path.suffix != ".toml":
        raise UsageError(f"{flag}: write a profile of `alphapanda calibrate`, NAME.toml")
    try:
        content = path.read_bytes()
        kept = tomllib.loads(content.decode())
    except FileNotFoundError:
        raise UsageError(f"{flag}: no such file") from None
    except OSError as error:
        raise UsageError(f"{flag}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{flag}: {error}") from None
    missing = [each for each in FITTED if each not in kept]
    if missing:
        raise UsageError(f"{flag}: it does not say {missing[0]}; a profile has {', '.join(FITTED)}")
    other = [each for each in kept if each not in (*FITTED, *BESIDE)]
    if other:
        raise UsageError(f"{flag}: a profile has no {other[0]!r}, only {', '.join(FITTED)}")
    values = {each: FITTED[each].value(each, kept[each], where=f"{flag}: ") for each in FITTED}
    return Profile(values, hashlib.sha256(content).hexdigest())


def with_profile(given: Mapping[str, Any], *, where: str = "") -> tuple[dict[str, int], str]:
    """Return the settings of the profile that options name, and its hash; nothing if none does.

    Raises:
        UsageError: if a setting is given beside it, or it can't be read.
    """
    if given.get("fills") is None:
        return {}, ""
    twice = [each for each in FITTED if given.get(each) is not None]
    if twice:
        raise UsageError(
            f"{where}--{twice[0].replace('_', '-')} beside --fills {given['fills']}, which sets it "
            "too: leave one out"
        )
    profile = read_profile(str(given["fills"]), where=where)
    return dict(profile.values), profile.sha256
