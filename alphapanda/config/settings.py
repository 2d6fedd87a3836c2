"""All settings in one model, read from the environment, `.env` and `alphapanda.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from alphapanda.config import sections
from alphapanda.config.sections import says
from alphapanda.errors import UsageError, did_you_mean

PREFIX = "ALPHAPANDA_"
OF_TESTS = "ALPHAPANDA_TEST_"
"""Variables that only the project's own tests read."""
FILE = "alphapanda.toml"


def home() -> Path:
    """Return the folder in which `.env` and `alphapanda.toml` lie."""
    return Path(os.environ.get(f"{PREFIX}BASE_DIR") or ".").expanduser().absolute()


def caches() -> Path:
    """Return where caches lie on this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "alphapanda"


class DotEnv(DotEnvSettingsSource):
    """A file `.env`, which other programs may have their variables in."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        ours = super()._load_env_vars().items()
        return {name: text for name, text in ours if name.upper().startswith(PREFIX)}


class Settings(BaseSettings):
    """Everything that can be set; folders are absolute."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid",
        frozen=True, hide_input_in_errors=True,
    )  # fmt: skip

    base_dir: Path = says("Holds strategies/, runs/, data/.", Path(), validate_default=True)
    cache_dir: Path = Field(
        default_factory=caches, validate_default=True, description="Compiled loops."
    )
    logs_dir: Path = says("Log files, relative to base_dir.", Path("logs"), validate_default=True)
    owner_id: str = says("Whose strategies, runs and orders these are.", "default", min_length=1)
    account_id: str = says("With which account.", "default", min_length=1)
    bus: sections.Bus = sections.Bus()
    database: sections.Database = sections.Database()
    redis: sections.Redis = sections.Redis()
    logs: sections.Logs = sections.Logs()
    security: sections.Security = sections.Security()
    paper: sections.Paper = sections.Paper()
    zerodha: sections.Zerodha = sections.Zerodha()
    monitor: sections.Monitor = sections.Monitor()
    alerts: sections.Alerts = sections.Alerts()
    api: sections.Api = sections.Api()

    @field_validator("base_dir", "cache_dir")
    @classmethod
    def from_here(cls, path: Path) -> Path:
        """Make a folder absolute."""
        return path.expanduser().absolute()

    @property
    def runs_dir(self) -> Path:
        """Where runs are written."""
        return self.base_dir / "runs"

    @property
    def data_dir(self) -> Path:
        """The catalogue of market data."""
        return self.base_dir / "data"

    @property
    def instruments_dir(self) -> Path:
        """The broker's lists of instruments, a file a day."""
        return self.base_dir / "instruments"

    @property
    def mappings_dir(self) -> Path:
        """Where mappings of columns are kept by name."""
        return self.base_dir / "mappings"

    @property
    def strategies_dir(self) -> Path:
        """Where strategies are found by name."""
        return self.base_dir / "strategies"

    @property
    def schedules_dir(self) -> Path:
        """Where schedules of notebooks are found by name."""
        return self.base_dir / "schedules"

    @property
    def deployments_dir(self) -> Path:
        """Where deployments are found by name."""
        return self.base_dir / "deployments"

    @property
    def has_database(self) -> bool:
        """Whether there is a database: a server, or SQLite's file once its tables are made."""
        file = self.base_dir / self.database.file.expanduser()
        return self.database.enabled or (file.is_file() and file.stat().st_size > 0)

    def without_broker(self) -> Settings:
        """Return the same settings without a broker's, and the key that opens its tokens."""
        own = {"zerodha": sections.Zerodha(), "security": sections.Security()}
        return self.model_copy(update=own)

    @property
    def database_url(self) -> str:
        """The database's address with the driver that is used; it may hold a password."""
        if not self.database.enabled:
            return f"sqlite+aiosqlite:///{self.base_dir / self.database.file.expanduser()}"
        scheme, colon, rest = self.database.url.get_secret_value().partition("://")
        known = scheme in ("postgres", "postgresql", "postgresql+asyncpg")
        return f"postgresql+asyncpg{colon}{rest}" if known else f"{scheme}{colon}{rest}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (looks in one folder only)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (not read)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look for the files in the base folder, wherever the process was started."""
        dotenv = DotEnv(settings_cls, env_file=home() / ".env")
        toml = TomlConfigSettingsSource(settings_cls, home() / FILE)
        return init_settings, env_settings, dotenv, toml

    def model_post_init(self, _: Any) -> None:
        """Put the log files under the base folder."""
        logs = self.base_dir / self.logs_dir.expanduser()
        object.__setattr__(self, "logs_dir", logs)


def read() -> Settings:
    """Read the settings.

    Raises:
        UsageError: if a setting does not exist or its value may not be.
    """
    unknown()
    try:
        return Settings()
    except ValidationError as error:
        raise UsageError("; ".join(explained(error))) from None
    except SettingsError as error:
        raise UsageError(f"settings: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{home() / FILE}: {error}") from None


def unknown() -> None:
    """Refuse variables of ours that set nothing; those of a section are pydantic's to refuse."""
    known = [f"{PREFIX}{name}".upper() for name in Settings.model_fields]
    for name in sorted(os.environ):
        ours = name.upper().startswith(PREFIX) and not name.upper().startswith(OF_TESTS)
        if ours and name.upper().partition("__")[0] not in known:
            raise UsageError(f"{name} is no setting.{did_you_mean(name.upper(), known)}")


def explained(error: ValidationError) -> Iterator[str]:
    """Say what is wrong with each setting, by its name and never with its value."""
    for fact in error.errors(include_input=False, include_url=False, include_context=False):
        path = [str(part).removeprefix(PREFIX.lower()) for part in fact["loc"]]
        hint = ""
        if fact["type"] == "extra_forbidden":
            fact["msg"] = "no such setting"
            hint = did_you_mean(path[-1], siblings(path))
        variable = PREFIX + "__".join(path).upper()
        yield f"setting {'.'.join(path)} ({variable}): {fact['msg']}.{hint}"


def siblings(path: list[str]) -> list[str]:
    """Return the settings beside one."""
    model: Any = Settings
    for part in path[:-1]:
        field = model.model_fields.get(part)
        if field is None or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)


def secrets(model: BaseModel) -> Iterator[str]:
    """Yield every secret value of the settings."""
    for value in dict(model).values():
        if isinstance(value, BaseModel):
            yield from secrets(value)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, SecretStr) and one.get_secret_value():
                yield one.get_secret_value()
