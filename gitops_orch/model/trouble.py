"""What keeps an app from what Git wants, as the last attempt found it."""

from dataclasses import dataclass
from datetime import datetime

from gitops_orch.model.app import AppKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The last failure of an app's release that was not the release's own; it lasts until the app is what Git wants."""

    app: AppKey
    digest: str  # of the release that was tried
    reason: str  # one sentence, without secrets: which step failed, where, and why
    since: datetime  # the first failed attempt at this release
    at: datetime  # the last one
    attempts: int
