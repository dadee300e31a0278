"""Remembers what the results of actions have shown of releases and containers, in this process only."""

from collections.abc import Iterable, Mapping

from gitops_orch.model.app import AppKey
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.observed import Placed
from gitops_orch.model.plan.action import gate_to_pass
from gitops_orch.model.plan.kinds import Exec, Kind
from gitops_orch.model.status import ActionResult, Outcome


class ShownByResults:
    """What results have shown. A new process knows nothing of it, and finds out again."""

    def __init__(self) -> None:
        # Containers, by host and name, whose post_start hook ran since their last start.
        self.post_start_done: set[tuple[str, str]] = set()
        # Scheduled runs that were started, by container name. The next snapshot records them, in case their containers
        # are removed.
        self.started_runs: dict[str, Placed] = {}
        # Releases, by digest, of which every step succeeded.
        self.succeeded_releases: set[tuple[AppKey, str]] = set()
        # First releases, by digest, that failed, kept running, and are healthy now.
        self.recovered_first_releases: set[tuple[AppKey, str]] = set()

    def learn(self, results: Iterable[ActionResult]) -> None:
        """Learn from results, which are in the order of their plan. An app's results must come together."""
        results = tuple(results)
        self.started_runs |= _started_runs(results)
        self.succeeded_releases |= _succeeded_releases(results)
        self.recovered_first_releases |= _recovered_first_releases(results)
        self._note_post_starts(results)

    def _note_post_starts(self, results: Iterable[ActionResult]) -> None:
        """Note which containers had all their commands run after their last start."""
        for result in results:
            action, container = result.action, (result.action.host, result.action.name)
            if isinstance(action.payload, Exec) and not action.optional:
                if result.outcome is Outcome.DONE:
                    self.post_start_done.add(container)
                else:
                    self.post_start_done.discard(container)
            elif action.kind in {Kind.START, Kind.RESTART} and result.outcome is not Outcome.SKIPPED:
                self.post_start_done.discard(container)


def _succeeded_releases(results: Iterable[ActionResult]) -> set[tuple[AppKey, str]]:
    """Return the releases, by app and digest, of which all steps, gates included, were done."""
    tried: dict[tuple[AppKey, str], bool] = {}
    for result in results:
        action = result.action
        if action.app is not None:
            key = (action.app, action.release)
            tried[key] = tried.get(key, True) and result.outcome is Outcome.DONE
    failed = {app for (app, _), well in tried.items() if not well}
    return {key for key in tried if key[0] not in failed}


def _recovered_first_releases(results: Iterable[ActionResult]) -> set[tuple[AppKey, str]]:
    """Return the first releases that failed, stayed running, and have passed all their gates now."""
    results = tuple(results)
    observed_apps = {
        (result.action.app, result.action.release)
        for result in results
        if (gate := gate_to_pass(result.action)) is not None and gate.is_retry
    }
    return {each for each in _succeeded_releases(results) if each in observed_apps}


def _started_runs(results: Iterable[ActionResult]) -> Mapping[str, Placed]:
    """Return each scheduled run whose start was requested, by container name.

    Without an answer it may still have started.
    """
    return {
        result.action.name: Placed(
            app=result.action.app, service=result.action.service, slot=result.action.slot
        )
        for result in results
        if result.action.kind is Kind.START
        and result.outcome is not Outcome.SKIPPED
        and result.action.app is not None
        and result.action.service is not None
        and result.action.slot is not None
        and is_run_slot(result.action.slot)
    }
