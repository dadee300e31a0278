"""Defines the tables of history. A change of a table needs a higher SCHEMA_VERSION and a migration from the old one.

A new table needs no migration: it is created if it is missing, and an older program version ignores it.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 1


class Moment(TypeDecorator[datetime]):
    """An aware time, stored as text in UTC, so that it sorts by time in every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002  the base class's signature
        """Return the text for a time."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  the base class's signature
        """Return the time of a text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)

heads = Table(
    "heads",
    metadata,
    Column("url", Text, primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("commit", String(64), nullable=False),
)

accepted = Table("accepted", metadata, Column("commit", String(64), primary_key=True), Column("at", Moment))

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("namespace", "app", "digest"),
    sqlite_autoincrement=True,  # ids give the order of marking, so they must not be reused
)

# `releases` has one row for each release, with its last state; `release_log` has one row for each change of a state.
release_log = Table(
    "release_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("release_log_of_app", "namespace", "app"),
    sqlite_autoincrement=True,
)

pins = Table(
    "pins",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("commit", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("until", Moment),
)

reverts = Table(
    "reverts",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("to_digest", String(64), nullable=False),
    Column("head", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("commit", String(64), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
)

relanded = Table(
    "relanded",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("revert", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
)

hosts = Table("hosts", metadata, Column("host", Text, primary_key=True), Column("at", Moment, nullable=False))

placements = Table(
    "placements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("host", Text, ForeignKey("hosts.host", ondelete="CASCADE"), nullable=False, index=True),
    Column("namespace", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("slot", Integer, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("namespace", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("digests", JSON, nullable=False),
    Column("commit", String(64), nullable=False),
    Column("release", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("host", "container"),
    Index("images_of_release", "namespace", "app", "release"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("commit", String(64), nullable=False),
    Column("author", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("plan_json", JSON, nullable=False),
    Column("results_json", JSON, nullable=False),
    sqlite_autoincrement=True,
)

run_apps = Table(
    "run_apps",
    metadata,
    Column("run_id", String(64), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
)

troubles = Table(
    "troubles",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

sightings = Table(
    "sightings", metadata, Column("host", Text, primary_key=True), Column("at", Moment, nullable=False)
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),
    Column("container", Text, nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("verb", String(64), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    Column("exit_code", Integer),  # NULL: not executed yet
    Column("output", JSON),
    sqlite_autoincrement=True,
)
