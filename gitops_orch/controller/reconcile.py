"""Runs one reconcile: load, observe, plan, refuse or execute, record, observe again.

If a release fails its gate, it is quarantined, and the same run makes a new plan that leads to the last stable release.
A rollback is an ordinary rollout to another release (passes.py).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.desired.load import Loader
from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.garbage import collect_garbage
from gitops_orch.controller.inputs.gather import Sources
from gitops_orch.controller.memory import Memory
from gitops_orch.controller.observe.bind_files import HostFilesMemory
from gitops_orch.controller.observe.observe_hosts import OBSERVE_DEADLINE_S, Engines
from gitops_orch.controller.record.recorder import Recorder
from gitops_orch.controller.record.run_log import RunLog
from gitops_orch.controller.record.run_status import run_status
from gitops_orch.controller.registry.tag_digests import TagCheck, Tags
from gitops_orch.controller.releases.held_drift import held_actions
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.controller.revert.git_revert import Reverter
from gitops_orch.controller.revert.push_reverts import FailedReverts
from gitops_orch.controller.revert.reverted_reverts import RevertedReverts
from gitops_orch.controller.snapshot import Snapshot, take_snapshot
from gitops_orch.controller.workers import Workers
from gitops_orch.engine.base import Engine
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.status import RevertReport, RunReport, Status

DUE_TAGS = TagCheck()
REVERT_ROUNDS_MAX = 3  # how often one run pushes reverts; the next run pushes what is left


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """The operator's settings that a reconcile reads."""

    runs_kept: int = 1000
    releases_kept: int = 20
    images_kept: int = 3
    containers_kept: int = 1
    # The minimum time between two checks of one tag in its registry, in seconds.
    tag_check_s: float = 0.0
    observe_deadline_s: float = OBSERVE_DEADLINE_S
    push_reverts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerParts:
    """What a reconciler is built from."""

    repository: ConfigRepository
    history: History
    connect: Callable[[Host], Engine]
    clock: Clock
    workers: Workers
    settings: ReconcileSettings


class Reconciler:
    """Makes the observed state equal to the desired state, once for each call. Not for use by two threads at once."""

    def __init__(self, parts: ReconcilerParts) -> None:
        settings = parts.settings
        self._parts = parts
        self._clock = parts.clock
        self._loader = Loader(parts.repository)
        self._engines = Engines(parts.connect, settings.observe_deadline_s)
        self._recorder = Recorder(parts.history, parts.repository, parts.clock)
        self._sources = Sources(
            repository=parts.repository,
            history=parts.history,
            engines=self._engines,
            workers=parts.workers,
            clock=parts.clock,
            spec_cache=SpecCache(),
            reverted_reverts=RevertedReverts(parts.repository, parts.history),
            containers_kept=settings.containers_kept,
        )
        self._memory = Memory(
            parts.history,
            parts.clock,
            Tags(self._engines, parts.workers, parts.clock, parts.history, check_s=settings.tag_check_s),
            HostFilesMemory(self._engines, parts.workers, parts.clock),
        )
        self._log = RunLog()
        self._reverts = FailedReverts(Reverter(parts.repository), parts.history, parts.clock)

    def read_status(
        self, *, fetch: bool = True, withheld: bool = False, apps: frozenset[AppKey] = frozenset()
    ) -> Status:
        """Return the status and the plan of a run that would start now.

        Changes no container that runs, and writes no history.

        To read files of writable binds it creates a carrier on their host. The carrier is never started and is removed
        at once. `withheld` adds the actions that held apps would get without their holds. If `apps` is not empty, the
        status is limited to these apps and the apps that they depend on.
        """
        snapshot = take_snapshot(self._sources, self._memory, self._loader.load(fetch=fetch), apps=apps)
        if not withheld or snapshot.world is None or snapshot.desired is None:
            return snapshot.status
        plan = snapshot.status.plan
        actions = held_actions(snapshot.desired, snapshot.world, plan, self._parts.repository)
        return replace(snapshot.status, withheld=actions)

    def run(
        self,
        *,
        trigger: str,
        control: RunControl | None = None,
        fetch: bool = True,
        quick: bool = False,
        apps: frozenset[AppKey] = frozenset(),
        tags: TagCheck = DUE_TAGS,
    ) -> RunReport:
        """Reconcile until nothing more can be done, or until `control` ends the run early, in a consistent state.

        `fetch` False uses the last good commit. `quick` does not wait for hosts that did not answer the last time; it
        is for events, where the hosts that answer need a fast reaction. If `apps` is not empty, the run is limited to
        these apps and the apps that they depend on. `tags` selects tags to compare with their registries, in addition
        to the tags that are due.
        """
        from gitops_orch.controller.passes import Passes  # not for `status`, which executes nothing

        control = control or RunControl()
        self._memory.request_tags(tags)
        control = replace(control, progress=self._log.following(control.progress))
        started_at, began = self._clock.now(), self._clock.monotonic_s()
        loaded = self._loader.load(fetch=fetch)
        control.progress(ProgressEvent(kind="fetched", message=loaded.error))
        passes = Passes(self._sources, self._memory, self._recorder, control, apps)
        snapshot = passes.take_snapshot(loaded, quick=quick)
        first = snapshot.status
        snapshot = passes.run(snapshot)
        reverts: tuple[RevertReport, ...] = ()
        # After a revert the head in Git may be new, and apps that waited may be rolled out, fail, and be reverted, too.
        for _ in range(REVERT_ROUNDS_MAX):
            pushed = self._push_reverts(snapshot, control)
            if not pushed:
                break
            reverts += pushed
            control.progress(ProgressEvent(kind="reverting", message=pushed[-1].message))
            loaded = self._loader.load(fetch=any(news.pushed for news in pushed))
            snapshot = passes.run(passes.take_snapshot(loaded, quick=True))
        self._finish(snapshot, quick=quick or bool(apps))
        result = run_status(snapshot.status, passes.results)
        report = RunReport(
            id=uuid.uuid4().hex,
            trigger=trigger,
            started_at=started_at,
            duration_ms=round((self._clock.monotonic_s() - began) * 1000),
            final_status=snapshot.status,
            first_plan=first.plan,
            results=passes.results,
            reverts=reverts,
            status=result.status,
            exit_code=result.exit_code,
            reasons=result.reasons,
        )
        self._recorder.record(report, self._parts.settings.runs_kept, self._parts.settings.releases_kept)
        self._log.finished(report)
        return report

    def _push_reverts(self, snapshot: Snapshot, control: RunControl) -> tuple[RevertReport, ...]:
        world, desired = snapshot.world, snapshot.desired
        if not self._parts.settings.push_reverts or control.should_stop() or world is None or desired is None:
            return ()
        apps = {row.key for row in snapshot.status.apps}
        return self._reverts.push_due(
            world, desired, apps, lambda: control.progress(ProgressEvent(kind="reverting"))
        )

    def _finish(self, snapshot: Snapshot, *, quick: bool) -> None:
        from gitops_orch.controller.passes import may_execute

        self._recorder.record_stable(snapshot)
        if (
            not quick
            and snapshot.world is not None
            and may_execute(snapshot)
            and not snapshot.status.plan.actions
        ):
            images_kept = self._parts.settings.images_kept
            collect_garbage(snapshot.world, self._engines.by_name(), self._parts.history, images_kept)

    def is_to_be_retried(self, after_s: float, until_s: float) -> bool:
        """Tell whether the backoff of an app ends in this span of time. Another thread may call this."""
        return self._memory.expires_between(after_s, until_s)

    def reset(self, app: AppKey, release: App | None = None) -> bool:
        """Clear an app's suspended healing, and a release's quarantined image digests; tell whether there was any.

        Another thread may call this.
        """
        return self._memory.reset(app, release)

    @property
    def engines(self) -> Engines:
        """Return the connections, for callers that watch events or read logs."""
        return self._engines

    def close(self) -> None:
        """Close all connections."""
        self._engines.close()
