"""Loads the desired state from Git, or reports why there is none that may be executed."""

from dataclasses import dataclass
from datetime import datetime

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.errors import GitopsOrchError, SourceError, internal_error
from gitops_orch.logs import LOG
from gitops_orch.model.desired import Desired
from gitops_orch.model.host import Fleet
from gitops_orch.planner.pruning.fleet_loss import removed_fleet_settings

ALL_DECLARED = Fleet(variables={"": ""}, declared=frozenset({"variables"}))
COMMIT_FAILED = "commit.internal_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of a load. `desired` None: no state may be executed, and `error` is the reason.

    With `error` and a desired state, the head could not be loaded, and the last good commit is used.
    """

    desired: Desired | None
    error: str = ""
    fetched_at: datetime | None = None


class Loader:
    """Loads the desired state: of head, or else of the last good commit."""

    def __init__(self, repository: ConfigRepository) -> None:
        self._repository = repository
        # The error of the last request for head; it counts until head is requested again.
        self._trouble = ""

    def load(self, *, fetch: bool = True) -> Loaded:
        """Return the desired state of head, or of the last good commit if head cannot be fetched or used."""
        last = self._repository.last_commit()
        error = self._trouble
        commit = last
        if fetch or last is None:
            error = ""
            try:
                commit = self._repository.fetch()
            except SourceError as problem:
                error = str(problem)
        for candidate in dict.fromkeys((commit, last)):
            if candidate is not None:
                desired, trouble = self._acceptable(candidate)
                error = self._trouble = error or trouble
                if desired is not None:
                    return Loaded(desired=desired, error=error, fetched_at=self._repository.fetched_at())
        return Loaded(desired=None, error=error, fetched_at=self._repository.fetched_at())

    def _acceptable(self, commit: str) -> tuple[Desired | None, str]:
        """Return the desired state of a commit; None and the reason if it must not be used."""
        try:
            desired = self._repository.desired(commit)
        except SourceError as problem:
            return None, str(problem)
        except (GitopsOrchError, OSError, MemoryError):
            raise
        except Exception as fault:  # noqa: BLE001 - the last good commit is still good
            LOG.error(COMMIT_FAILED, commit=commit, error=str(fault), exc_info=fault)
            return None, f"commit {commit[:12]} cannot be acted on: {internal_error(fault)}"
        if not desired.complete:
            why = "; ".join(str(problem) for problem in desired.problems[:3])
            return None, f"commit {commit[:12]} cannot be acted on: {why}"
        if _is_empty(desired):
            way_out = (
                "are the branch and the path right? To remove all, set spec.prune.allow_empty in gitops.yaml"
            )
            return None, f"commit {commit[:12]} holds no Compose file, host or fleet; {way_out}"
        lost = self._lost_from_fleet(desired)
        if lost:
            restore = "else put gitops.yaml back as it was"
            return None, (
                f"commit {commit[:12]} loses {lost}, or run `gitops-orch accept {commit[:12]}`; {restore}. "
                "Until then nothing of the commit is carried out"
            )
        return desired, ""

    def _lost_from_fleet(self, desired: Desired) -> str:
        """Return what the Fleet document has lost since the last good commit, unless a person accepted that."""
        last = self._repository.last_commit()
        if last in {None, desired.commit} or not removed_fleet_settings(ALL_DECLARED, desired.fleet):
            return ""
        if self._repository.is_accepted(desired.commit):
            return ""
        try:
            return removed_fleet_settings(self._repository.fleet(str(last)), desired.fleet)
        except SourceError:
            return ""  # the mirror has no last good commit any more: no comparison is possible


def _is_empty(desired: Desired) -> bool:
    """Tell whether a tree declares nothing. That is more likely a mistake than intended; gitops.yaml can allow it."""
    declared = any(host.position is not None for host in desired.hosts)
    return not (
        desired.apps
        or desired.invalid_apps
        or desired.invalid_paths
        or declared
        or desired.fleet.prune.allow_empty
    )
