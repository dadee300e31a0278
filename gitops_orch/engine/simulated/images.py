"""Describes images as data (the behaviour of their containers), and simulates a registry.

A reference without a description is accepted. Its id is derived from its text, and its containers run for ever. So
`sim://` hosts work with any Compose file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from gitops_orch.errors import SettingsError
from gitops_orch.model.rules.image_reference import split_reference, with_default_tag


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBehaviour:
    """The behaviour of every container of an image; times are in seconds after a start."""

    variant: str = ""  # another text means another build: the same reference gets another id
    healthcheck: bool = False  # whether the image has one; a service can declare one, too
    healthy_after_s: float | None = 1.0  # None: its healthcheck never passes
    unhealthy_after_s: float | None = None  # None: its healthcheck never fails
    exits_after_s: float | None = None  # None: it keeps running
    exit_code: int = 0
    oom_killed: bool = False
    exits_max: int | None = None  # after this many exits it keeps running; None: it exits every time
    start_error: str = ""  # the Engine's error at each start
    ignores_term: bool = False  # a stop takes the whole grace period
    pull_error: str = ""  # the registry's error at each pull
    pull_s: float = 0.0
    labels: tuple[str, ...] = ()  # NAME=value, inherited by every container of the image
    volumes: tuple[str, ...] = ()  # paths for which an anonymous volume is created
    exec_exit_code: int = 0  # of every command except `failing_commands`
    failing_commands: tuple[str, ...] = ("false",)
    ready_after_s: float | None = 0.0  # None: its readiness probe never passes
    unready_after_s: float | None = None  # None: it stays ready
    output: str = "ready\n"
    check_output: str = ""  # the output of a failing healthcheck


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryImage:
    """An image as the registry has it now."""

    id: str
    digest: str  # repository@sha256:...
    behaviour: ImageBehaviour


def image_id(reference: str, behaviour: ImageBehaviour) -> str:
    """Return the id of an image: `sha256:` and a digest of its reference and its behaviour."""
    return "sha256:" + hashlib.sha256(f"{reference}\n{behaviour}".encode()).hexdigest()


def image_labels(behaviour: ImageBehaviour) -> dict[str, str]:
    """Return the labels that every container of an image has."""
    return dict(entry.split("=", 1) for entry in behaviour.labels)


def repository(reference: str) -> str:
    """Return the reference without tag and digest, as Engines list it."""
    return split_reference(reference).familiar_name


class Registry:
    """All images that can be pulled, by reference; if `outage` is not empty, every pull fails with that text."""

    def __init__(self, behaviours: Mapping[str, ImageBehaviour] | None = None) -> None:
        self._behaviours = {with_default_tag(ref): behaviour for ref, behaviour in (behaviours or {}).items()}
        self._by_digest: dict[str, RegistryImage] = {}
        self.outage = ""

    def push(self, reference: str, behaviour: ImageBehaviour) -> RegistryImage:
        """Let a reference name a new image; a host that pulled the former image keeps it until it pulls again."""
        self._behaviours[with_default_tag(reference)] = behaviour
        return self.find(reference)

    def find(self, reference: str) -> RegistryImage:
        """Return the image that the reference names now; a digest always names the same image."""
        tagged = with_default_tag(reference)
        if tagged in self._by_digest:
            return self._by_digest[tagged]
        behaviour = self._behaviours.get(tagged, ImageBehaviour())
        identity = image_id(tagged, behaviour)
        digest = tagged if "@" in tagged else f"{repository(tagged)}@{identity}"
        found = RegistryImage(id=identity, digest=digest, behaviour=behaviour)
        self._by_digest[digest] = found
        return found


def read_behaviours(path: Path) -> dict[str, ImageBehaviour]:
    """Read `{reference: {field of ImageBehaviour: value}}` from a JSON file; empty if there is no file."""
    if not path.exists():
        return {}
    known = {field.name for field in fields(ImageBehaviour)}
    try:
        rows: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
        unknown = sorted({key for row in rows.values() for key in row} - known)
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path}: cannot be read as a table of images: {error}") from error
    if unknown:
        raise SettingsError(f"{path}: unknown keys {', '.join(unknown)}", hint=f"known are {sorted(known)}")
    return {reference: behaviour_from(row) for reference, row in rows.items()}


def behaviour_from(row: Mapping[str, object]) -> ImageBehaviour:
    """Return the behaviour that a JSON object describes."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return ImageBehaviour(**values)  # type: ignore[arg-type]  # the reader checks the keys, and JSON values fit them
