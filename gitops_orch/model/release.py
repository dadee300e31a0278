"""Releases: what an app was asked to run, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from gitops_orch.model.app import AppKey


class ReleaseState(Enum):
    """Where a release stands."""

    PROGRESSING = "progressing"
    STABLE = "stable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An app at the digest of everything it resolves to, and the first commit that asked for it."""

    app: AppKey
    digest: str
    commit: str
    state: ReleaseState
    reason: str = ""
    at: datetime | None = None
    recovered: bool = (
        False  # history was lost, and only the labels of running containers tell of it: no proof
    )
