"""What history remembers, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gitops_orch.model.app import AppKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One reconcile; plan and results are as the command line prints them, so they hold no secret."""

    id: str
    commit: str
    author: str
    trigger: str
    started_at: datetime
    duration_ms: int
    status: str
    exit_code: int
    plan_digest: str
    plan_json: Mapping[str, object]
    results_json: Mapping[str, object]
    apps: tuple[AppKey, ...] = ()  # that the plan touched


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """What bytes a container was made of; `digests` are repository digests, empty for an image built on its host."""

    app: AppKey
    service: str
    slot: int
    host: str
    container: str
    reference: str
    image_id: str
    digests: tuple[str, ...]
    commit: str
    release: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """Something that happened to a container."""

    host: str
    container: str
    at: datetime
    event: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What another verb asks of the running service."""

    id: int
    verb: str
    arguments: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertRecord:
    """What became of reverting a failed release in Git; texts hold no secret."""

    app: AppKey
    digest: str  # of the failed release
    to_digest: str  # of the release that the app went back to
    head: str  # the commit on which it was made or refused; "" where the remote did not tell
    state: str  # pushed | refused | failed
    message: str  # what people are told
    hint: str
    commit: str  # the pushed revert; "" where none was
    tries: int
    at: datetime
    until: datetime  # not tried again before
