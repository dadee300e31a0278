"""Releases: the content that an app was to run, and how its rollout ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from gitops_orch.model.app import AppKey


class ReleaseState(Enum):
    """The state of a release."""

    PROGRESSING = "progressing"
    STABLE = "stable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An app at the digest of everything it resolves to, and the first commit that declared it."""

    app: AppKey
    digest: str
    commit: str
    state: ReleaseState
    reason: str = ""
    at: datetime | None = None
    # True: history was lost, and the release is known only from labels of running containers; that is no proof.
    recovered: bool = False
