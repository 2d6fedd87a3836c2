"""Settings as they may be shown: without secrets, as text, and as an example of `.env`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from alphapanda.config.settings import PREFIX, Settings

HIDDEN = "***"
SERVERS = ("database.url", "redis.url")
"""Settings that are the address of a server of ours: path and all may be seen."""
CALLED = ("monitor.pulse_url", "alerts.webhook_url")
IN_QUERY = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
PASSWORD = re.compile(r"(?<=://)([^/@\s]*):[^@/\s]*@")


def visible(secret: str, name: str) -> str:
    """Return a server's address without its password, of one to call the host, else nothing."""
    if "://" in secret and name in SERVERS:
        return IN_QUERY.sub(rf"\1{HIDDEN}", PASSWORD.sub(rf"\1:{HIDDEN}@", secret))
    if "://" in secret and name in CALLED:
        return host_of(secret)
    return secret and HIDDEN


def host_of(address: str) -> str:
    """Return whom an address calls: its path is often as good as a password."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{parts.hostname}/{HIDDEN}" if parts.hostname else HIDDEN


def show_value(value: Any, name: str = "") -> Any:
    """Return a setting as JSON can hold it, without secrets; `name` is its place, with dots."""
    if isinstance(value, BaseModel):
        return show_value(dict(value), name)
    if isinstance(value, dict):
        above = f"{name}." if name else ""
        return {key: show_value(part, f"{above}{key}") for key, part in value.items()}
    if isinstance(value, tuple):
        return [show_value(part, name) for part in value]
    if isinstance(value, SecretStr):
        return visible(value.get_secret_value(), name)
    return str(value) if isinstance(value, Path) else value


def lines(settings: BaseModel, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield name, value and meaning of each setting."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from lines(value, f"{above}{name}.")
        else:
            plain = show_value(value, f"{above}{name}")
            text = plain if isinstance(plain, str) else json.dumps(plain)
            yield f"{above}{name}", text, field.description or ""


def example() -> str:
    """Return `.env.example`: every setting with its meaning and default, switched off."""
    told = [
        "# Settings of Alpha Panda. Copy this file to .env in the base folder and uncomment what",
        "# you change; alphapanda.toml can hold the same as tables. Made by",
        "# `alphapanda config example`.",
    ]
    above = ""
    for name, value, meaning in lines(Settings.model_construct()):
        section = name.rpartition(".")[0]
        if section != above:
            above = section
            told += ["", f"# --- {section} ---"]
        variable = PREFIX + name.replace(".", "__").upper()
        told += [
            "",
            f"# {meaning}",
            f"#{variable}={'' if name == 'cache_dir' or value == 'null' else value}",
        ]
    return "\n".join([*told, ""])
