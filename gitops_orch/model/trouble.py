"""What keeps an app from what Git wants, as the last attempt found it."""

from dataclasses import dataclass
from datetime import datetime

from gitops_orch.model.app import AppKey

LEFT_GIT = ""  # in place of a release's digest: what fails is the removal of an app that left Git


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The last failure of a step for an app that was not its release's own; it lasts until the app is what Git wants."""

    app: AppKey
    digest: str  # of the release that was to run, or LEFT_GIT
    reason: str  # one sentence, without secrets: which step failed, where, and why
    since: datetime  # the first failed attempt at this release
    at: datetime  # the last one
    attempts: int
