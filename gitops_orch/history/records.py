"""Defines the values that history stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gitops_orch.model.app import AppKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One reconcile; plan and results have the form that the command line prints, so they contain no secret."""

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
    apps: tuple[AppKey, ...] = ()  # the apps that the plan changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """The image of a container; `digests` are repository digests, empty for an image built on its host."""

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
    """One event of a container."""

    host: str
    container: str
    at: datetime
    event: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request of another process to the running service."""

    id: int
    verb: str
    arguments: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertRecord:
    """The result of reverting a failed release in Git; texts contain no secret."""

    app: AppKey
    digest: str  # of the failed release
    to_digest: str  # of the release that the app returned to
    head: str  # the head on which it was created or refused; "" if the remote did not answer
    state: str  # pushed | refused | failed
    message: str  # the message to people
    hint: str
    commit: str  # the pushed revert; "" if none was pushed
    tries: int
    at: datetime
    until: datetime  # not retried before this time
