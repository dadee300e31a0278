"""Writes history: what was observed where, what was decided, and the outcome."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.app_files import keep_app_files
from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.controller.observe.host_identity import HostFacts, keep_facts
from gitops_orch.controller.record.recorded_runs import actions_done, new_row
from gitops_orch.controller.releases.known_releases import ReleaseHistory
from gitops_orch.controller.releases.orphans import from_this_repository
from gitops_orch.controller.schedule.completed_runs import note_completed
from gitops_orch.controller.schedule.due_runs import NOTHING_SCHEDULED
from gitops_orch.controller.snapshot import Snapshot
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.history.records import ImageRecord, RunRecord
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey, Mode
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import ObservedHost, Placed, owned_containers
from gitops_orch.model.plan.action import gate_to_pass, intent_of
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.model.status import ActionResult, AppHealth, AppStatus, FailureKind, Outcome, RunReport, Sync
from gitops_orch.model.trouble import LEFT_GIT, Trouble
from gitops_orch.planner.inputs.index import build_index
from gitops_orch.planner.inputs.world import ObservedInputs, Role, TargetRelease, World
from gitops_orch.planner.pruning.orphaned_apps import removed_apps

COMMIT_FOUND = "commit.found"
SCHEDULED_RUN_FAILED = "scheduled_run.failed"
RELEASE_QUARANTINED = "release.quarantined"
QUARANTINE_LIFTED = "quarantine.lifted"
NOTED_EVERY = timedelta(minutes=1)
FAILURE_LOG = "last words"  # in a container's timeline


class Recorder:
    """Writes the findings of a run as soon as they are known, so that a crash loses as little as possible."""

    def __init__(self, history: History, repository: ConfigRepository, clock: Clock) -> None:
        self._history = history
        self._repository = repository
        self._clock = clock
        self._reported: set[tuple[AppKey, str, str]] = set()  # scheduled runs whose failure was logged
        # The commit and the error of the fetch that was recorded last.
        self._news = ("", "")
        self._kept = ""  # the commit that was kept last: to keep one starts a process

    def remember(self, snapshot: Snapshot) -> None:
        """Save what a snapshot found: the commit, the salt, where apps run, and releases that history had lost."""
        world, facts, past = snapshot.world, snapshot.facts, snapshot.past
        self._remember_fetch(snapshot)
        if world is None or facts is None or past is None:
            return
        history = self._history
        self._remember_answers(world.observed)
        if not snapshot.loaded.error:
            self._move_to(world.desired.commit)
            keep_app_files(history, facts.app_files.after(facts.desired))
        if history.salt() != world.specs.salt:
            history.set_salt(world.specs.salt)
        if snapshot.timetable != (history.timetable() or NOTHING_SCHEDULED):
            history.set_timetable(snapshot.timetable)
        self._remember_hosts(snapshot, world, facts.host_facts)
        self._remember_releases(past)

    def _remember_fetch(self, snapshot: Snapshot) -> None:
        """Record when the remote answered: at once if it had something new, else once a minute.

        A write takes longer than a read.
        """
        fetched_at, news = snapshot.loaded.fetched_at, (snapshot.status.commit, snapshot.loaded.error)
        known_at = self._history.fetched_at() if fetched_at is not None else None
        if fetched_at is None or fetched_at == known_at:
            return
        if known_at is None or news != self._news or abs(fetched_at - known_at) >= NOTED_EVERY:
            self._history.set_fetched_at(fetched_at)
            self._news = news

    def _remember_answers(self, observed: ObservedInputs) -> None:
        """Record when the hosts answered, at most once a minute: a write takes longer than an observation."""
        history = self._history
        answered = {host.name: host.observed_at for host in observed.answered}
        stale = [
            name
            for name, at in answered.items()
            if name not in observed.last_answers or abs(at - observed.last_answers[name]) >= NOTED_EVERY
        ]
        if stale:
            history.note_seen(stale, max(answered[name] for name in stale))

    def _remember_hosts(self, snapshot: Snapshot, world: World, facts: HostFacts) -> None:
        history, now = self._history, self._clock.now()
        remembered = history.remembered()
        if not (remembered or history.is_continuous()) and not from_this_repository(
            owned_containers(world.observed.hosts), world.desired.former.foreign_apps
        ):
            history.note_continuity(now)
        for host in world.observed.answered:
            placed = _placed(host, snapshot.status.plan.taking_over.get(host.name, frozenset()))
            if remembered.get(host.name) != placed:
                history.remember_host(host.name, placed, now)
        keep_facts(history, facts)
        note_completed(world.observed.hosts, history)
        self._forget(remembered, world, facts.released)

    def _remember_releases(self, past: ReleaseHistory) -> None:
        """Save the releases that history had lost, and lift the quarantine of reverted reverts."""
        for release in past.recovered:
            self._history.mark_release(release)
        for each in past.reverted_reverts:
            self._history.record_reverted_revert(each.app, each.digest, each.revert)
            LOG.warning(QUARANTINE_LIFTED, app=str(each.app), release=each.digest, reverted=each.revert)

    def _forget(self, known: Mapping[str, tuple[Placed, ...]], world: World, released: Iterable[str]) -> None:
        """Keep the slots of a released host until they are seen elsewhere: their data may still exist on that host."""
        answered = (host for host in world.observed.hosts.values() if isinstance(host, ObservedHost))
        seen = {placed for host in answered for placed in _placed(host)}
        for name in sorted(released):
            left = tuple(placed for placed in known.get(name, ()) if placed not in seen)
            if left != known.get(name):
                self._history.remember_host(name, left, self._clock.now())

    def _move_to(self, commit: str) -> None:
        """Make a commit the last good one. An acceptance of the commit before it counted only once, and is consumed."""
        before = self._repository.last_commit()
        if before != commit:
            self._repository.set_last_commit(commit)
            info = self._repository.commit_info(commit)
            commit_fields = {"author": info.author, "subject": info.subject} if info else {}
            LOG.info(COMMIT_FOUND, commit=commit, before=before, **commit_fields)
            if before is not None:
                self._history.consume_acceptance(before)
        if self._kept != commit:
            self._repository.source.keep(commit)
            self._kept = commit

    def record_start(self, plan: Plan, targets: Iterable[TargetRelease]) -> None:
        """Record which releases are in progress: those that get a container, and those that must pass their gates.

        Otherwise, after the history was lost, a release would count as stable while its gates have not ended.
        """
        for app, (digest, commit) in (_gated_releases(plan, targets) | _created_releases(plan)).items():
            known = {release.digest: release.state for release in self._history.releases(app)}
            if known.get(digest) not in {ReleaseState.STABLE, ReleaseState.FAILED}:
                self._mark(app, digest, commit, ReleaseState.PROGRESSING, "")

    def quarantine(self, snapshot: Snapshot, results: Iterable[ActionResult]) -> frozenset[AppKey]:
        """Quarantine releases that failed their gate. Returns the apps whose releases had not failed before.

        A container that is started again meanwhile belongs to another release, and its failure counts for that release.
        A release that was stable before did not become worse by itself: the cause is something else, so a rollback
        would not help. That it was stable must be known from history, and not only derived from running containers.
        """
        assert snapshot.world is not None  # noqa: S101 - only a plan of a known world is executed
        chosen = {each.app.key: each for each in snapshot.world.releases.targets}
        found: set[AppKey] = set()
        for result in results:
            action = result.action
            each = chosen.get(action.app) if action.app is not None else None
            bad = result.failure is FailureKind.GATE
            if not bad or each is None or each.role is not Role.HEAD or action.release != each.app.digest:
                continue
            reported = {
                release.digest
                for release in self._history.releases(each.app.key)
                if release.state is ReleaseState.FAILED or _is_known_stable(release)
            }
            if each.app.key in found or each.app.digest in reported:
                continue
            reason = f"{action.name} on {action.host}: {result.error}"
            self._mark(each.app.key, each.app.digest, each.commit, ReleaseState.FAILED, reason)
            LOG.warning(RELEASE_QUARANTINED, app=str(each.app.key), commit=each.commit, reason=reason)
            found.add(each.app.key)
        return frozenset(found)

    def record_stable(self, snapshot: Snapshot) -> None:
        """Mark as stable each head release that is in sync and healthy, and record the images that it runs.

        A release that was stable before and has returned is marked again: a rollback leads to the newest mark.
        """
        world = snapshot.world
        if world is None:
            return
        chosen = {each.app.key: each for each in world.releases.targets}
        newest: dict[AppKey, str] = {}
        for release in self._history.releases(None):
            if release.state is ReleaseState.STABLE:
                newest.setdefault(release.app, release.digest if _is_known_stable(release) else "")
        self._log_failed_runs(snapshot)
        fine = {
            app.key
            for app in snapshot.status.apps
            if app.sync is Sync.IN_SYNC and app.health is AppHealth.HEALTHY
        }
        ended = [
            trouble.app
            for trouble in world.memory.troubles.values()
            if trouble.app in fine
            or not (_is_wanted(trouble, chosen, world) or _is_leaving(trouble, snapshot))
        ]
        if ended:
            self._history.clear_troubles(ended)
        for status in snapshot.status.apps:
            each = chosen.get(status.key)
            if each is None or each.role is not Role.HEAD or not _has_passed_gate(each.app, status):
                continue
            if newest.get(status.key) != each.app.digest:
                self._mark(status.key, each.app.digest, each.commit, ReleaseState.STABLE, "")
                self._repository.source.keep(each.commit)
                self._record_images(each, world)
            elif each.tags:
                self._record_moved(each, world)

    def _log_failed_runs(self, snapshot: Snapshot) -> None:
        """Log each scheduled run that failed, once."""
        failed = {
            (app.key, service.name, service.failed_run)
            for app in snapshot.status.apps
            for service in app.services
            if service.failed_run
        }
        for key, service, reason in sorted(failed - self._reported):
            LOG.warning(SCHEDULED_RUN_FAILED, app=str(key), service=service, reason=reason)
        self._reported = failed

    def _record_moved(self, chosen: TargetRelease, world: World) -> None:
        """Record the images of a release that was stable before, if its tag names other images since.

        If an image fails later, the service goes back to the newest record of the slot.
        """
        last: dict[tuple[str, str, int], str] = {}
        for row in self._history.images(chosen.app.key, release=chosen.app.digest):  # newest first
            last.setdefault((row.host, row.service, row.slot), row.image_id)
        now = self._clock.now()
        for host in world.observed.answered:
            for record in _images(chosen, host, now):
                if last.get((record.host, record.service, record.slot)) != record.image_id:
                    self._history.record_image(record)

    def _record_images(self, chosen: TargetRelease, world: World) -> None:
        now = self._clock.now()
        for host in world.observed.answered:
            for record in _images(chosen, host, now):
                self._history.record_image(record)

    def _mark(self, app: AppKey, digest: str, commit: str, state: ReleaseState, reason: str) -> None:
        now = self._clock.now()
        self._history.mark_release(
            Release(app=app, digest=digest, commit=commit, state=state, reason=reason, at=now)
        )

    def record(self, report: RunReport, runs_kept: int, releases_kept: int) -> None:
        """Record the run, unless it has nothing new (recorded_runs.py), and the timelines of its containers."""
        commit = report.final_status.commit
        now = self._clock.now()
        for result in actions_done(report):
            action = result.action
            if action.service is not None and result.outcome is not Outcome.SKIPPED:
                detail = result.error or result.note or action.reason
                at = result.ended_at or now
                self._history.record_event(
                    action.host, action.name, at, f"{action.kind.value} {result.outcome.value}", detail
                )
                if result.log:
                    self._history.record_event(action.host, action.name, at, FAILURE_LOG, result.log)
        run = new_row(report, self._repository.commit_info(commit), self._last_run)
        if run is not None:
            self._history.record_run(run)
            self._history.trim(runs=runs_kept, releases=releases_kept)
        if report.results:
            self._release_commits(commit)

    def _last_run(self) -> RunRecord | None:
        return next(iter(self._history.runs(limit=1)), None)

    def _release_commits(self, head: str) -> None:
        """Keep the commits of all releases and pins in the mirror, because they may be read again, and no others."""
        releases = [*self._history.releases(None), *self._history.pins().values()]
        with contextlib.suppress(SourceError):  # they are kept until a later run
            self._repository.source.release_kept({head, *(release.commit for release in releases)})


def _is_wanted(trouble: Trouble, chosen: Mapping[AppKey, TargetRelease], world: World) -> bool:
    """Tell whether the release that had trouble is still the app's target.

    For an invalid app this is unknown, so it counts.
    """
    each = chosen.get(trouble.app)
    return trouble.app in world.desired.invalid_apps or (
        each is not None and each.app.digest == trouble.digest
    )


def _is_leaving(trouble: Trouble, snapshot: Snapshot) -> bool:
    """Tell whether an app that could not be removed is still to be removed, as far as is known.

    An app on a silent host may still exist there. An app that a person keeps has no trouble any more.
    """
    world = snapshot.world
    if (
        trouble.digest != LEFT_GIT
        or world is None
        or any(each.app.key == trouble.app for each in world.releases.targets)
    ):
        return False
    row = next((row for row in snapshot.status.apps if row.key == trouble.app), None)
    if row is not None:
        return row.sync is not Sync.HELD
    index = build_index(world)
    return trouble.app in index.unreachable_slots or trouble.app in removed_apps(world, index)


def _has_passed_gate(app: App, status: AppStatus) -> bool:
    """Tell whether a release is in sync and healthy. A failed scheduled run is not the release's fault.

    A global service that runs on no host at the moment has not passed its gate.
    """
    counts = {service.name: service.desired_count for service in status.services}
    if any(
        service.mode in {Mode.GLOBAL, Mode.GLOBAL_JOB} and not counts[service.name]
        for service in app.services
    ):
        return False
    failed_run = any(service.failed_run for service in status.services)
    complete = all(service.healthy_count >= service.desired_count for service in status.services)
    is_healthy = status.health is AppHealth.HEALTHY or (failed_run and complete)
    return status.sync is Sync.IN_SYNC and is_healthy


def _is_known_stable(release: Release) -> bool:
    return release.state is ReleaseState.STABLE and not release.recovered


def _placed(host: ObservedHost, taking_over: frozenset[Placed] = frozenset()) -> tuple[Placed, ...]:
    """Return the slots of a host, including those in containers of other tools that will be taken over."""
    rows = {(each.owner.app, each.owner.service, each.owner.slot) for each in host.owned}
    rows |= {(place.app, place.service, place.slot) for place in taking_over}
    return tuple(Placed(app=app, service=service, slot=slot) for app, service, slot in sorted(rows))


def _gated_releases(plan: Plan, targets: Iterable[TargetRelease]) -> dict[AppKey, tuple[str, str]]:
    """Return the digest and the commit of every target release that a gate of the plan can fail."""
    gated = {
        action.app
        for action in plan.actions
        if gate_to_pass(action) is not None and action.budget is not None
    }
    return {each.app.key: (each.app.digest, each.commit) for each in targets if each.app.key in gated}


def _created_releases(plan: Plan) -> dict[AppKey, tuple[str, str]]:
    """Return, for every app that gets a new container, the digest and the commit from which it is created."""
    return {
        intent.app.key: (intent.app.digest, intent.commit)
        for intent in map(intent_of, plan.actions)
        if intent is not None
    }


def _images(chosen: TargetRelease, host: ObservedHost, now: datetime) -> Iterable[ImageRecord]:
    digests = {image.id: image.digests for image in host.images}
    for container in host.owned:
        owner = container.owner
        if owner.app == chosen.app.key and not is_retained(container):
            yield ImageRecord(
                app=owner.app,
                service=owner.service,
                slot=owner.slot,
                host=host.name,
                container=container.name,
                reference=container.image,
                image_id=container.image_id,
                digests=digests.get(container.image_id, ()),
                commit=chosen.commit,
                release=chosen.app.digest,
                at=now,
            )
