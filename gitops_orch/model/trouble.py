"""A failure that keeps an app from its desired state, as the last attempt found it."""

from dataclasses import dataclass
from datetime import datetime

from gitops_orch.model.app import AppKey

LEFT_GIT = ""  # instead of a release's digest: the removal of an app that is no longer in Git fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The last failure of an app's step that is not the fault of its release.

    It lasts until the app is in its desired state.
    """

    app: AppKey
    digest: str  # of the release to run, or LEFT_GIT
    reason: str  # one sentence, without secrets: which step failed, where, and why
    since: datetime  # the first failed attempt at this release
    at: datetime  # the last failed attempt
    attempts: int
