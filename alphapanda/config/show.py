"""Settings as they may be shown: without secrets, as text, and as an example of `.env`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from alphapanda.config.settings import PREFIX, Settings

HIDDEN = "***"
PASSWORD = re.compile(r"(?<=://)([^/@\s]*):[^@/\s]*@")


def visible(secret: str) -> str:
    """Return an address without its password, any other secret not at all."""
    return PASSWORD.sub(rf"\1:{HIDDEN}@", secret) if "://" in secret else secret and HIDDEN


def shown(value: Any) -> Any:
    """Return a setting as JSON can hold it, without secrets."""
    if isinstance(value, BaseModel):
        return {name: shown(part) for name, part in dict(value).items()}
    if isinstance(value, dict):
        return {name: shown(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [shown(part) for part in value]
    if isinstance(value, SecretStr):
        return visible(value.get_secret_value())
    return str(value) if isinstance(value, Path) else value


def lines(settings: BaseModel, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield name, value and meaning of each setting."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from lines(value, f"{above}{name}.")
        else:
            plain = shown(value)
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
        told += ["", f"# {meaning}", f"#{variable}={'' if name == 'cache_dir' else value}"]
    return "\n".join([*told, ""])
