"""The sections of the settings, one a subsystem; a server's section says whether it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Level = Literal["debug", "info", "warning", "error", "critical"]
OFF = SecretStr("")


def says(text: str, default: Any, **bounds: Any) -> Any:
    """Return a setting's default with the sentence that explains it."""
    return Field(default, description=text, **bounds)


class Section(BaseModel):
    """Settings of one part; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Server(Section):
    """A server that may be used; to say where it is means that it is."""

    enabled: bool

    @model_validator(mode="before")
    @classmethod
    def switched_on(cls, given: Any) -> Any:
        """Switch a server on whose address is given, unless that was answered."""
        if isinstance(given, dict) and "enabled" not in given and {"url", "servers"} & {*given}:
            return {**given, "enabled": True}
        return given


class Topic(Section):
    """How a topic is made."""

    partitions: Count = says("Partitions.", 1)
    replication: Count = says("Copies of each partition, up to the number of nodes.", 1)
    retention_h: Count = says("Hours that messages are kept.", 24 * 30)


class Ticks(Topic):
    """How market.ticks is made."""

    partitions: Count = says("Partitions.", 4)
    retention_h: Count = says("Hours that messages are kept.", 48)


class Letters(Topic):
    """How the topics of dead letters are made."""

    retention_h: Count = says("Hours that messages are kept.", 24 * 90)


class Bus(Server):
    """Redpanda, or another server of Kafka's protocol; off: the journal itself is read."""

    enabled: bool = says(
        "Publish to a server; off: events are read from the journal.", default=False
    )
    servers: str = says("Addresses, HOST:PORT, with commas between.", "localhost:9092")
    username: str = says("For SASL/SCRAM; empty: none.", "")
    password: SecretStr = says("For SASL/SCRAM.", OFF)
    tls: bool = says("Encrypt, and check the server's certificate.", default=False)
    compression: Literal["none", "lz4", "zstd"] = says("Of what is sent.", "lz4")
    connect_timeout_s: Seconds = says("Until the server must have answered at the start.", 10)
    request_timeout_s: Seconds = says("For one request.", 10)
    send_timeout_s: Seconds = says(
        "For a message to be acknowledged; then its fate is unknown.", 20
    )
    stop_timeout_s: Seconds = says("For the consumers' last messages and the producer's flush.", 5)
    session_timeout_s: Seconds = says("Until a silent consumer loses its partitions.", 10)
    stuck_after_s: Seconds = says("Without progress while messages wait, until replaced.", 20)
    feed_timeout_s: Seconds = says("For a feed that is waited for to begin.", 60)
    gap_after_s: Seconds = says("That missing rows of a feed are waited for.", 30)
    attempts: Count = says("At a message, on transient errors, before it is a dead letter.", 5)
    letters_a_minute: Count = says("Dead letters, beyond which a consumer stops.", 100)
    backoff_s: Seconds = says("Before the second attempt; doubled at each.", 0.2)
    dedup_keep_s: Seconds = says("That Redis knows what was applied, to drop repeats.", 3600)
    dedup_ids: Count = says("Newest ids that a process knows by itself.", 200_000)
    message_bytes: Count = says("The largest message.", 1_000_000)
    default: Topic = Topic()
    ticks: Ticks = Ticks()
    dlq: Letters = Letters()
    topics: dict[str, Topic] = says("By full name, as JSON or TOML tables.", {})

    def topic(self, name: str) -> Topic:
        """Return how a topic is made."""
        if name in self.topics:
            return self.topics[name]
        if name.endswith(".dlq"):
            return self.dlq
        return self.ticks if name == "market.ticks" else self.default


class Database(Server):
    """PostgreSQL; off: SQLite in a file of the base folder."""

    enabled: bool = says("Use PostgreSQL; off: SQLite, in the file below.", default=False)
    url: SecretStr = says(
        "postgresql://USER:PASSWORD@HOST:PORT/NAME",
        SecretStr("postgresql://alphapanda@localhost:5432/alphapanda"),
    )
    file: Path = says("SQLite's file, relative to base_dir.", Path("alphapanda.db"))
    pool: Count = says("Connections kept open.", 5)
    overflow: int = says("Connections beyond those, for a while.", 5, ge=0)
    pool_timeout_s: Seconds = says("For a free connection.", 2)
    recycle_s: Seconds = says("Age at which a connection is replaced.", 1800)
    connect_timeout_s: Seconds = says("For a new connection.", 2)
    command_timeout_s: Seconds = says("For an answer, on this side of the wire.", 3)
    statement_timeout_s: Seconds = says("For a statement, on the server.", 2.5)
    idle_timeout_s: Seconds = says("For a transaction in which nothing happens.", 30)
    busy_timeout_s: Seconds = says("SQLite: for another process's transaction to end.", 5)


class Redis(Server):
    """Redis; off: each process keeps its own."""

    enabled: bool = says("Use Redis; off: in the process.", default=False)
    url: SecretStr = says(
        "redis://USER:PASSWORD@HOST:PORT/NUMBER", SecretStr("redis://localhost:6379/0")
    )
    prefix: str = says("Before every key.", "alphapanda", min_length=1)
    connections: Count = says("At most.", 20)
    connect_timeout_s: Seconds = says("For a new connection.", 1)
    timeout_s: Seconds = says("For an answer; nothing is sent twice.", 0.5)
    limiter_timeout_s: Seconds = says("For a rate limit's; then the process counts alone.", 0.1)


class Logs(Section):
    """Log files in `logs_dir`, one a channel, and lines on the console."""

    level: Level = says("Least level in the files.", "info")
    console: Literal["plain", "json", "off"] = says("Lines on stderr.", "plain")
    console_level: Level = says("Least level on the console.", "warning")
    file_bytes: int = says("Size at which a file is put aside; also each day.", 20_000_000, ge=1024)
    files: Count = says("Files of a channel that are kept.", 20)
    keep_days: Count = says("Days they are kept.", 30)
    audit_keep_days: Count = says("Days the audit channel's are kept, however many.", 365 * 6)


class Security(Section):
    """Keys of this installation."""

    key: SecretStr = says(
        "Encrypts broker tokens: 32 bytes as base64, from `alphapanda config key`.", OFF
    )
    old_keys: tuple[SecretStr, ...] = says("Former keys, which still decrypt.", ())


class Paper(Section):
    """Trading on paper."""

    checkpoint_rows: int = says("Market rows between two checkpoints of the state.", 250_000, ge=1)
    stop_timeout_s: Seconds = says("For an orderly stop.", 10)


class Zerodha(Section):
    """The broker Zerodha; off: no client of it exists."""

    enabled: bool = says("Let this installation log in.", default=False)
    user_id: str = says("Client id, as AB1234; orders of any other account are refused.", "")
    api_key: SecretStr = says("Kite Connect's.", OFF)
    api_secret: SecretStr = says("Kite Connect's.", OFF)
    api_url: str = says("Kite Connect.", "https://api.kite.trade")
    feed_url: str = says("Its ticks and order updates.", "wss://ws.kite.trade")
    login_url: str = says("The page a person logs in at.", "https://kite.zerodha.com/connect/login")
    callback_url: str = says(
        "Where that page sends the browser back to, on this machine; registered in the app.",
        "http://127.0.0.1:8765/",
    )
    login_timeout_s: Seconds = says("Until a login that nobody finishes is given up.", 300)
    address_family: Literal["ipv4", "ipv6", "any"] = says(
        "Of the connection: orders are refused from an address that the app does not list.", "ipv4"
    )
    timeout_s: Seconds = says("For a whole answer; an order's fate is unknown after it.", 7)
    reprice_s: float = says(
        "Until a market order that only closes, and rests, is one at the market again; 0: never.",
        0,
        ge=0,
        le=3_600,
    )
    download_timeout_s: Seconds = says("For a whole file of instruments.", 120)


class Monitor(Section):
    """What watches: how often, and from when on something is not well."""

    period_s: Seconds = says("Between two looks.", 5)
    lag_messages: Count = says("Messages that wait for a consumer; 20 times as many: down.", 1000)
    lag_s: Seconds = says("Without progress while messages wait.", 20)
    disk_low_bytes: Count = says("Free for journals, below which it is degraded.", 5_000_000_000)
    disk_least_bytes: Count = says("The same, below which it is down; for logs too.", 1_000_000_000)
    fsync_s: Seconds = says("For the slowest of 100 syncs to the disk.", 0.05)
    feed_late_s: Seconds = says("Without a row while trading is open; five times as long: down.", 2)
    cpu: float = says("Share of the machine's cores, for a minute.", 0.85, gt=0, le=1)
    memory: float = says("Share of the machine's memory that a process uses.", 0.8, gt=0, le=1)
    pulse_url: SecretStr = says(
        "An https address that is fetched each minute: silence there says that this is dead.", OFF
    )


class Alerts(Section):
    """Where alerts go beside the log; each is used when it is set."""

    least: Literal["info", "warning", "critical"] = says("Least severity that is sent.", "warning")
    quiet: tuple[str, ...] = says("Kinds of alerts that are shown but never sent.", ())
    repeat_s: Seconds = says("Until a critical one that nobody acknowledged is sent again.", 900)
    flood: Count = says("Alerts a minute, beyond which they are sent as one digest.", 10)
    webhook_url: SecretStr = says("An https address that takes JSON by POST.", OFF)
    webhook_key: SecretStr = says("Signs it: X-AP-Signature is HMAC-SHA256 of the body.", OFF)
    telegram_token: SecretStr = says("Of a bot of Telegram's.", OFF)
    telegram_chat: str = says("The chat that it writes to.", "")
    private: bool = says("Let the webhook and the pulse be in this network.", default=False)


class Api(Section):
    """The API and the page it serves."""

    host: str = says("Where it listens.", "127.0.0.1")
    port: int = says("Port; 0: a free one.", 8000, ge=0, le=65535)
    origins: tuple[str, ...] = says(
        "Addresses of the page, exact, beside those of host and port.", ()
    )
    hosts: tuple[str, ...] = says("Names it may be asked by, beside those of its origins.", ())
    trusted_proxies: tuple[str, ...] = says(
        "Addresses of proxies whose X-Forwarded-For and -Proto count.", ()
    )
    tls_cert: Path | None = says("File with the certificate; with it TLS is spoken.", None)
    tls_key: Path | None = says("File with its key.", None)
    rate_calls: Count = says("Requests of a user in `rate_seconds`.", 100)
    rate_seconds: Seconds = says("The window of rate_calls.", 60)
    order_calls: Count = says("Commands of a user in 60 s, beside kills.", 30)
    address_calls: Count = says("Requests of an address in 60 s, whoever it says it is.", 600)
    streams_per_user: Count = says("Streams of a user at once.", 5)
    streams: Count = says("Streams of all users at once.", 100)
    session_idle_h: Seconds = says("Hours without a request until a session ends.", 8)
    session_h: Seconds = says("Hours until a session ends in any case.", 24)
    access_s: int = says("Seconds that an access token is good for.", 900, ge=60, le=900)
    refresh_days: Seconds = says("Days that a refresh token is good for.", 7)
    body_bytes: Count = says("The largest body of a request.", 65_536)
    docs: bool = says("Serve /docs and /openapi.json to whoever is logged in.", default=False)
