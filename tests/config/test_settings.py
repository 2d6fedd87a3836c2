"""Settings: where they come from, which one wins, what is refused, and what is never shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alphapanda import config
from alphapanda.config import show
from alphapanda.config.settings import Settings, secrets
from alphapanda.errors import UsageError
from tests.support.running import ROOT, command


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("ALPHAPANDA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_wins_over_env_file_and_toml(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value is taken from the environment, else `.env`, else `alphapanda.toml`, else default."""
    (base / "alphapanda.toml").write_text('[bus]\nservers = "toml:1"\nattempts = 7\n[redis]\n')
    assert config.load().bus.servers == "toml:1"
    (base / ".env").write_text("ALPHAPANDA_BUS__SERVERS=dotenv:1\nPOSTGRES_PASSWORD=x\n")
    assert config.load().bus.servers == "dotenv:1"
    monkeypatch.setenv("ALPHAPANDA_BUS__SERVERS", "environment:1")
    bus = config.load().bus
    assert (bus.servers, bus.attempts, bus.backoff_s) == ("environment:1", 7, 0.2)


def test_folders_are_absolute(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`base_dir` is taken from the current folder, `logs_dir` and the database from `base_dir`."""
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", "there")
    settings = config.load()
    assert settings.base_dir == base / "there"
    assert settings.logs_dir == base / "there" / "logs"
    assert settings.database_url == f"sqlite+aiosqlite:///{base}/there/alphapanda.db"
    monkeypatch.setenv("ALPHAPANDA_LOGS_DIR", "/var/log/panda")
    assert config.load().logs_dir == Path("/var/log/panda")


def test_files_are_those_of_the_base_folder(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a process is started, the base folder's own files count."""
    (base / "there").mkdir()
    (base / "there" / "alphapanda.toml").write_text('owner_id = "mira"\n')
    assert config.load().owner_id == "default"
    monkeypatch.setenv("ALPHAPANDA_BASE_DIR", str(base / "there"))
    assert config.load().owner_id == "mira"


def test_a_server_that_is_switched_on_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched on, each server has its usual address on localhost; switched off, none is used."""
    off = config.load()
    assert not any((off.bus.enabled, off.database.enabled, off.redis.enabled, off.zerodha.enabled))
    for name in ("BUS", "DATABASE", "REDIS"):
        monkeypatch.setenv(f"ALPHAPANDA_{name}__ENABLED", "true")
    settings = config.load()
    assert settings.bus.servers == "localhost:9092"
    assert settings.redis.url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.database_url == "postgresql+asyncpg://alphapanda@localhost:5432/alphapanda"


def test_an_address_switches_its_server_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """To say where a server is means to use it, unless it is switched off in so many words."""
    monkeypatch.setenv("ALPHAPANDA_DATABASE__URL", "postgres://a:b@db/panda")
    assert config.load().database_url == "postgresql+asyncpg://a:b@db/panda"
    monkeypatch.setenv("ALPHAPANDA_DATABASE__ENABLED", "false")
    assert config.load().database_url.startswith("sqlite+aiosqlite:///")


def test_topics_are_set_by_kind_and_by_name(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks and dead letters have their own defaults, and each topic may have its own table."""
    (base / "alphapanda.toml").write_text('[bus.topics."paper.system"]\nretention_h = 5\n')
    monkeypatch.setenv("ALPHAPANDA_BUS__TICKS__PARTITIONS", "9")
    bus = config.load().bus
    facts = {name: (bus.topic(name).partitions, bus.topic(name).retention_h) for name in (
        "market.ticks", "paper.system", "paper.system.dlq", "zerodha.orders.filled")}  # fmt: skip
    assert facts == {"market.ticks": (9, 48), "paper.system": (1, 5),
                     "paper.system.dlq": (1, 2160), "zerodha.orders.filled": (1, 720)}  # fmt: skip


SECTION = "setting {0} (ALPHAPANDA_{1}): {2}."


@pytest.mark.parametrize(("variable", "value", "says"), [
    ("REDS__URL", "x", "ALPHAPANDA_REDS__URL is no setting. Did you mean"),
    ("REDIS__ULR", "x", SECTION.format("redis.ulr", "REDIS__ULR", "no such setting")),
    ("DATABASE__POOL", "0", "setting database.pool (ALPHAPANDA_DATABASE__POOL): Input should be"),
    ("BUS__SEND_TIMEOUT_S", "inf", "setting bus.send_timeout_s"),
    ("BUS__TOPICS", "{", 'settings: error parsing value for field "bus"'),
])  # fmt: skip
def test_a_mistake_is_named(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that does not exist or a value that may not be is the user's mistake, by name."""
    monkeypatch.setenv(f"ALPHAPANDA_{variable}", value)
    with pytest.raises(UsageError) as error:
        config.load()
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(("file", "text", "says"), [
    ("alphapanda.toml", "x =", "alphapanda.toml: Invalid value"),
    ("alphapanda.toml", "ownr_id = 1", "setting ownr_id (ALPHAPANDA_OWNR_ID): no such setting."),
    ("alphapanda.toml", "[bus]\ncolour = 1", "setting bus.colour (ALPHAPANDA_BUS__COLOUR)"),
    (".env", "ALPHAPANDA_OWNR_ID=1", "setting ownr_id (ALPHAPANDA_OWNR_ID): no such setting."),
])  # fmt: skip
def test_a_mistake_in_a_file_is_named(base: Path, file: str, text: str, says: str) -> None:
    """Both files are checked as the environment is."""
    (base / file).write_text(text)
    with pytest.raises(UsageError) as error:
        config.load()
    assert says in str(error.value)


def test_a_wrong_secret_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message about a value does not repeat it: it may stand in the wrong place."""
    monkeypatch.setenv("ALPHAPANDA_BUS__ATTEMPTS", "hunter2hunter2")
    with pytest.raises(UsageError) as error:
        config.load()
    assert "hunter2" not in str(error.value)


SECRETS = {
    "ALPHAPANDA_DATABASE__URL": "postgresql://panda:swordfish1@db:5432/x",
    "ALPHAPANDA_REDIS__URL": "redis://:swordfish2@cache:6379/0",
    "ALPHAPANDA_BUS__PASSWORD": "swordfish3",
    "ALPHAPANDA_ZERODHA__API_KEY": "swordfish4",
    "ALPHAPANDA_ZERODHA__API_SECRET": "swordfish5",
    "ALPHAPANDA_SECURITY__KEY": "swordfish6",
    "ALPHAPANDA_SECURITY__OLD_KEYS": '["swordfish7"]',
}


@pytest.mark.parametrize("words", [("config", "show"), ("config", "show", "--json")])
def test_show_tells_no_secret(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`config show` prints addresses without passwords and no other secret, in both forms."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "400")
    told = command(*words, capsys=capsys)
    assert (told.status, told.err) == (0, "")
    assert "swordfish" not in told.out
    assert "postgresql://panda:***@db:5432/x" in told.out
    assert "swordfish" not in repr(config.load())
    assert sorted(secrets(config.load())) == sorted([*list(SECRETS.values())[:-1], "swordfish7"])


def test_show_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` gives every setting by section."""
    told = json.loads(command("config", "show", "--json", capsys=capsys).out)
    assert set(told) == set(Settings.model_fields)
    assert told["bus"]["ticks"] == {"partitions": 4, "replication": 1, "retention_h": 48}


def test_the_example_is_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    """`.env.example` is what the model says; `alphapanda config example > .env.example` mends."""
    text = (ROOT / ".env.example").read_text()
    assert text == show.example()
    assert command("config", "example", capsys=capsys).out == text


def test_the_example_uncommented_changes_nothing(base: Path) -> None:
    """Each line of the example is a setting that exists, with the value it has anyway."""
    plain = config.load()
    lines = show.example().splitlines()
    settings = [line[1:] for line in lines if line.startswith("#ALPHAPANDA_")]
    assert len(settings) > 60
    servers = [line for line in settings if not line.endswith("__ENABLED=false")]
    (base / ".env").write_text("\n".join(settings))
    assert config.load() == plain
    (base / ".env").write_text("\n".join(servers))
    assert config.load().bus.enabled


def test_a_key_fits_its_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`config key` prints a new key each time."""
    first, second = (command("config", "key", capsys=capsys).out for _ in range(2))
    assert first != second
    monkeypatch.setenv("ALPHAPANDA_SECURITY__KEY", first.strip())
    assert config.load().security.key.get_secret_value() == first.strip()
