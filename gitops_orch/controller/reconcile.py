"""The story of one reconcile: load, observe, plan, refuse or execute, remember, look again.

A release that fails its gate is quarantined, and a new plan of the same run leads to the last stable one: going back is
the same road, walked to another place (passes.py).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.load import Branch, Loader, Reading
from gitops_orch.controller.execute.gates import GateProgresses
from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.garbage import collect_garbage
from gitops_orch.controller.observe.bind_files import HostFilesMemory
from gitops_orch.controller.observe.observe_hosts import OBSERVE_DEADLINE_S, Engines
from gitops_orch.controller.passes import Passes, may_execute
from gitops_orch.controller.push_reverts import FailedReverts
from gitops_orch.controller.record.recorder import Recorder
from gitops_orch.controller.record.run_log import RunLog
from gitops_orch.controller.record.run_status import run_status
from gitops_orch.controller.registry.tag_digests import TagCheck, Tags
from gitops_orch.controller.releases.held_drift import held_actions
from gitops_orch.controller.releases.spec_cache import SpecCache
from gitops_orch.controller.retry.app_isolation import Isolation
from gitops_orch.controller.retry.backoff import Backoff
from gitops_orch.controller.retry.heal_history import HealHistory
from gitops_orch.controller.revert.reverted_reverts import RevertedReverts
from gitops_orch.controller.snapshot import Dependencies, Snapshot, take_snapshot
from gitops_orch.controller.workers import Workers
from gitops_orch.engine.base import Engine
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.status import RevertReport, RunReport, Status
from gitops_orch.source.source import Source

DUE_TAGS = TagCheck()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """What the operator has set."""

    url: str
    branch: str = "main"
    environment: str | None = None
    local_url: str = "unix:///var/run/docker.sock"
    runs_kept: int = 1000
    releases_kept: int = 20
    images_kept: int = 3
    containers_kept: int = 1
    tag_check_s: float = 0.0  # least seconds between two checks of a tag in its registry
    observe_deadline_s: float = OBSERVE_DEADLINE_S
    push_reverts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerParts:
    """What a reconciler is made of."""

    source: Source
    history: History
    connect: Callable[[Host], Engine]
    clock: Clock
    workers: Workers
    settings: ReconcileSettings


class Reconciler:
    """Brings what runs to what Git wants, once per call; not for use by two threads at once."""

    def __init__(self, parts: ReconcilerParts) -> None:
        settings = parts.settings
        self._parts = parts
        self._clock = parts.clock
        branch = Branch(settings.url, settings.branch)
        reading = Reading(environment=settings.environment, local_url=settings.local_url)
        self._loader = Loader(parts.source, parts.history, parts.clock, branch, reading)
        self._engines = Engines(parts.connect)
        self._gate_progress: GateProgresses = {}
        self._recorder = Recorder(parts.history, parts.source, parts.clock, branch)
        self._deps = Dependencies(
            source=parts.source,
            history=parts.history,
            loader=self._loader,
            engines=self._engines,
            workers=parts.workers,
            clock=parts.clock,
            spec_cache=SpecCache(),
            backoff=Backoff(),
            revert_watcher=RevertedReverts(parts.source, self._loader.app_at),
            heal_history=HealHistory(parts.history, parts.clock),
            isolation=Isolation(),
            tags=Tags(self._engines, parts.workers, parts.clock, parts.history, check_s=settings.tag_check_s),
            host_files=HostFilesMemory(self._engines, parts.workers, parts.clock),
            post_start_done=set(),
            started_runs={},
            succeeded_releases=set(),
            recovered_first_releases=set(),
            observe_deadline_s=settings.observe_deadline_s,
            containers_kept=settings.containers_kept,
        )
        self._log = RunLog()
        self._reverts = FailedReverts(self._loader.reverter(), parts.history, parts.clock)

    def read_status(
        self, *, fetch: bool = True, withheld: bool = False, apps: frozenset[AppKey] = frozenset()
    ) -> Status:
        """Return how things stand and what a run would do.  Changes nothing that runs, and writes nothing.

        To read files of writable binds it creates a carrier on their host, which never runs and is removed at once.
        `withheld` adds what would be done to held apps, were they not held; `apps` keeps it to these and their
        dependencies, where some are named.
        """
        snapshot = take_snapshot(self._deps, self._loader.load(fetch=fetch), apps=apps)
        if not withheld or snapshot.world is None or snapshot.desired is None:
            return snapshot.status
        plan = snapshot.status.plan
        actions = held_actions(snapshot.desired, snapshot.world, plan, self._loader)
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
        """Reconcile to the end, or to where `control` ends it, early but whole.

        `fetch` False keeps to the last good commit; `quick` does not wait for hosts that were silent the last time, and
        is for events, where each second counts for the hosts that do answer.  `apps` keeps the run to these and what they
        depend on, where some are named.  `tags` is which tags are compared with their registries, besides those that are due.
        """
        control = control or RunControl()
        self._deps.tags.request = tags
        control = replace(control, progress=self._log.following(control.progress))
        started_at, began = self._clock.now(), self._clock.monotonic_s()
        loaded = self._loader.load(fetch=fetch)
        control.progress(ProgressEvent(kind="fetched", message=loaded.error))
        passes = Passes(self._deps, self._recorder, self._gate_progress, control, apps)
        snapshot = passes.take_snapshot(loaded, quick=quick)
        first = snapshot.status
        snapshot = passes.run(snapshot)
        reverts = self._push_reverts(snapshot, control)
        if reverts:  # Git may have another head now, and the status something to say
            control.progress(ProgressEvent(kind="reverting", message=reverts[-1].message))
            loaded = self._loader.load(fetch=any(news.pushed for news in reverts))
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
        if not self._parts.settings.push_reverts or control.should_stop():
            return ()
        return self._reverts.push_due(snapshot, lambda: control.progress(ProgressEvent(kind="reverting")))

    def _finish(self, snapshot: Snapshot, *, quick: bool) -> None:
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
        """Tell whether the wait of an app that had trouble ends in a span of time; may be asked by another thread."""
        deps = self._deps
        return any(
            memory.expires_between(after_s, until_s)
            for memory in (deps.backoff, deps.heal_history, deps.isolation, deps.host_files)
        )

    def reset(self, app: AppKey, release: App | None = None) -> bool:
        """Heal again what healing did not help, and try the bytes behind a release's tags again; tell whether there was something."""
        healed = self._deps.heal_history.reset(app)
        tried = release is not None and self._deps.tags.reset(release)
        return healed or tried

    @property
    def engines(self) -> Engines:
        """Return the connections, for those that watch events or read logs."""
        return self._engines

    def close(self) -> None:
        """End all connections."""
        self._engines.close()
