"""compose.yaml offers what the settings expect of a server that is switched on."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from alphapanda.config.sections import Bus, Database, Redis

yaml = pytest.importorskip("yaml")
FILE = Path(__file__).resolve().parents[2] / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return found


def test_every_service_tells_its_health_and_is_pinned(services: dict[str, Any]) -> None:
    """Nothing is used before it is healthy, and no version comes by surprise."""
    assert {*services} == {"redpanda", "console", "postgres", "redis"}
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert service["image"].rpartition(":")[2] not in ("", "latest"), name
    assert services["console"]["depends_on"] == {"redpanda": {"condition": "service_healthy"}}


def test_ports_are_those_of_the_settings_and_open_to_this_machine_only(
    services: dict[str, Any],
) -> None:
    """To switch a server on is enough, and no other machine reaches it."""
    ports = {
        name: [port.rpartition(":")[0].split(":") for port in service["ports"]]
        for name, service in services.items()
    }
    assert {host for each in ports.values() for host, _ in each} == {"127.0.0.1"}
    wanted = {
        "redpanda": urlsplit(f"//{Bus().servers}").port,
        "postgres": urlsplit(Database().url.get_secret_value()).port,
        "redis": urlsplit(Redis().url.get_secret_value()).port,
    }
    for name, port in wanted.items():
        assert str(port) in [number for _, number in ports[name]]
    database = urlsplit(Database().url.get_secret_value())
    environment = services["postgres"]["environment"]
    assert database.username == environment["POSTGRES_USER"]
    assert database.path == f"/{environment['POSTGRES_DB']}"
