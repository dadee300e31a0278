"""Owns what this process remembers from one snapshot to the next. Every result of an action is learned here.

Note [Who uses the memory]
One thread at a time takes snapshots and learns from results: the loop, or the planner while the loop waits for it. The
main thread of a service asks meanwhile whether a wait has ended, and resets apps for `retry`. `_lock` guards all that
both may change. It is never held during a request to a host or a registry. Isolation and the files of hosts are changed
by the snapshots' thread only; the main thread reads copies of their waits. The progress of gates belongs to the
executor, which uses it between two snapshots.
"""

from collections.abc import Collection, Iterable, Mapping
from threading import Lock

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.gates import GateProgresses
from gitops_orch.controller.observe.bind_files import HostFilesMemory, Unread
from gitops_orch.controller.registry.tag_digests import TagCheck, Tags
from gitops_orch.controller.releases.shown_by_results import ShownByResults
from gitops_orch.controller.retry.app_isolation import Isolation
from gitops_orch.controller.retry.backoff import Backoff, ContainerRef
from gitops_orch.controller.retry.heal_history import HealHistory
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey, Hold
from gitops_orch.model.heal import HealedField, HealRecord
from gitops_orch.model.observed import Observation, Placed
from gitops_orch.model.plan.action import gate_to_pass
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import ActionResult
from gitops_orch.model.trouble import LEFT_GIT
from gitops_orch.planner.inputs.world import TargetRelease, World


class Memory:
    """What this process remembers. See Note [Who uses the memory] for its threads."""

    def __init__(self, history: History, clock: Clock, tags: Tags, host_files: HostFilesMemory) -> None:
        self.host_files = host_files
        self.isolation = Isolation()
        # It outlives a run, so that the next run can continue its gates.
        self.gate_progress: GateProgresses = {}
        self._history = history
        self._clock = clock
        self._lock = Lock()
        self._tags = tags
        self._backoff = Backoff()
        self._heals = HealHistory(history, clock)
        self._shown = ShownByResults()

    def learn(self, results: Collection[ActionResult], world: World, quarantined: Collection[AppKey]) -> None:
        """Learn from results of the plan that was made from `world`. `quarantined`: apps that these results fail."""
        targets = {each.app.key: each.app.digest for each in world.releases.targets}
        digests = {each.action.app: LEFT_GIT for each in results if each.action.app is not None} | targets
        now_s = self._clock.monotonic_s()
        with self._lock:
            failing = {*quarantined, *self._tags.record_results(results, world)}
            troubles = self._backoff.note(results, now_s, failing, world.memory.backoffs, digests)
            for app, digest, reason in troubles:
                self._history.note_trouble(app, digest, reason)
            self._heals.note(results, world)
            self._shown.learn(results)

    def note_unread(self, unread: Iterable[Unread], targets: Iterable[TargetRelease]) -> None:
        """Record each failed read of a host's files once, as a trouble of the apps that own these files."""
        digests = {each.app.key: each.app.digest for each in targets}
        for app, reason in {each.app: each.reason for each in self.host_files.not_noted(unread)}.items():
            self._history.note_trouble(app, digests[app], reason)

    def begin_plan(self) -> None:
        """Forget which scheduled runs the last plan started: a snapshot has recorded them since."""
        with self._lock:
            self._shown.started_runs.clear()

    def forget_gates(self, plan: Plan) -> None:
        """Drop the progress of gates that no action of a plan waits for.

        Days later, it would count a restart against a release.
        """
        awaited = {(action.host, action.name) for action in plan.actions if gate_to_pass(action) is not None}
        for container in self.gate_progress.keys() - awaited:
            del self.gate_progress[container]

    def request_tags(self, check: TagCheck) -> None:
        """Set which tags the present run checks, besides those that are due."""
        with self._lock:
            self._tags.request = check

    def check_tags(self, apps: Iterable[App], observed: Mapping[str, Observation]) -> None:
        """Ask registries for the digests of the tags that are due."""
        with self._lock:
            due = self._tags.due(apps, observed)
        answers = self._tags.ask(due) if due else {}
        with self._lock:
            self._tags.note(due, answers)

    def with_tags(
        self, chosen: Iterable[TargetRelease], observed: Mapping[str, Observation]
    ) -> list[TargetRelease]:
        """Return the target releases, with the known digests of the tags of head releases."""
        with self._lock:
            return self._tags.noted(chosen, observed)

    def forget_other_tags(self, apps: Iterable[App]) -> None:
        """Save what is known of the tags of all apps, and forget other tags."""
        with self._lock:
            self._tags.forget_others(apps)

    def backoffs(self, targets: Iterable[TargetRelease]) -> Mapping[AppKey, Hold]:
        """Return the apps that wait after trouble, with their holds."""
        digests = {each.app.key: each.app.digest for each in targets}
        with self._lock:
            return self._backoff.holds(digests, self._clock.monotonic_s(), self._clock.now())

    def start_backoffs(self) -> Mapping[ContainerRef, Hold]:
        """Return the containers, by host and id, that ran before and must not be started for now."""
        with self._lock:
            return self._backoff.start_holds(self._clock.monotonic_s(), self._clock.now())

    def heals(self) -> Mapping[HealedField, HealRecord]:
        """Return the recent heals."""
        with self._lock:
            return self._heals.healings()

    def post_start_done(self) -> frozenset[tuple[str, str]]:
        """Return the containers, by host and name, whose post_start hook ran since their last start."""
        with self._lock:
            return frozenset(self._shown.post_start_done)

    def started_runs(self) -> Mapping[str, Placed]:
        """Return the scheduled runs that the present plan started, by container: it may have been removed since."""
        with self._lock:
            return dict(self._shown.started_runs)

    def succeeded_releases(self) -> frozenset[tuple[AppKey, str]]:
        """Return the releases, by digest, of which every step succeeded in this process."""
        with self._lock:
            return frozenset(self._shown.succeeded_releases)

    def recovered_first_releases(self) -> frozenset[tuple[AppKey, str]]:
        """Return the first releases, by digest, that failed, kept running, and are healthy now."""
        with self._lock:
            return frozenset(self._shown.recovered_first_releases)

    def expires_between(self, after_s: float, until_s: float) -> bool:
        """Tell whether any wait ends in this span of time: then something is tried again."""
        with self._lock:
            waits = (self._backoff, self._heals, self.isolation, self.host_files)
            return any(each.expires_between(after_s, until_s) for each in waits)

    def reset(self, app: AppKey, release: App | None = None) -> bool:
        """Clear an app's suspended healing, and a release's quarantined image digests; tell whether there was any."""
        with self._lock:
            healed = self._heals.reset(app)
            tried = release is not None and self._tags.reset(release)
        return healed or tried
