"""Reads from history, once for a snapshot, what was recorded of releases, hosts and an operator's decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gitops_orch.history.history import History
from gitops_orch.history.records import RevertRecord
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.observed import Placed
from gitops_orch.model.release import Release
from gitops_orch.model.trouble import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What history has when a snapshot begins. Each field is what the method of History returns."""

    releases: tuple[Release, ...]  # the last marked first
    pins: Mapping[AppKey, Release]
    reverts: Mapping[tuple[AppKey, str], RevertRecord]
    holds: Mapping[AppKey, Hold]
    troubles: Mapping[AppKey, Trouble]
    last_answers: Mapping[str, datetime]
    placements: Mapping[str, tuple[Placed, ...]]
    is_continuous: bool


def read_recorded(history: History) -> Recorded:
    """Return what history has now."""
    return Recorded(
        releases=history.releases(None),
        pins=history.pins(),
        reverts=history.reverts(),
        holds=history.holds(),
        troubles=history.troubles(),
        last_answers=history.seen(),
        placements=history.remembered(),
        is_continuous=history.is_continuous(),
    )
