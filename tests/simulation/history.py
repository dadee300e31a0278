"""One random history: commits and faults against the real planner and controller, then calm, then a final check."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from simulation.calm import CALM_PASSES_MAX, calm_down, check_damage, fail, is_at_rest, standing
from simulation.commits import first_tree, next_tree, settle, touched
from simulation.compose_projects import NAMES, ComposeProjects
from simulation.memory_history import MemoryHistory
from simulation.moving_tags import MovingTags, outdated
from simulation.oracle import differences
from simulation.outside import OutsideEvents
from simulation.recipes import BAD, IMAGES, TreeRecipe
from simulation.repository import Repository
from simulation.seeded_faults import SeededFaults
from simulation.simulated_clock import SimulatedClock
from simulation.tally import Tally
from simulation.weather import Chaos, crash_now
from simulation.witness import SafetyMonitor, Violation

from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.controller.desired.load import Loaded
from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.engine.simulated.faults import SimulatedCrash
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.engine.simulated.settings import SimulatedSettings
from gitops_orch.errors import INTERNAL_ERROR
from gitops_orch.model.app import App, AppKey, Hold
from gitops_orch.model.observed import Health
from gitops_orch.model.plan.plan import PlanHold
from gitops_orch.model.release import ReleaseState
from gitops_orch.model.status import RunReport, Status
from gitops_orch.planner.pruning.removal_budget import EVERYTHING

COMMITS_MIN, COMMITS_MAX = 3, 8
DEADLINE_S = 2.0
BY_HAND = "it was changed on the host"  # the hold of a file that was edited on the host
ASKS = (  # reasons of holds that may be left in the end, because a person must decide
    BY_HAND,
    "without its data",  # started elsewhere, while the host of the data was silent and all state was lost
)
TWO_PLACES = "is to be taken over, and"  # on one host, and the app was started on another
LONG_S = 7200.0  # after this pause, drift that was left alone is healed again
SALT = "5a17"
KINDS, ADOPTING, MOVING = 7, 3, 5  # seeds with these remainders have Compose projects, or moving tags
URL, BRANCH = "file:///fleet", "main"


@dataclass
class Stage:
    """The controller, and the simulated world in which it acts."""

    rng: random.Random
    make_history: Callable[[], object] = lambda: MemoryHistory(SALT)
    seed: int = 0
    files: bool = False  # commits are files that the real loader reads
    tally: Tally = field(default_factory=Tally)
    # Apps that a controller without history saw running, although their container fails later: their release counts as
    # stable, because nothing tells it from one that was stable.
    taken_for_stable: set[AppKey] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.faults = SeededFaults(random=random.Random(self.rng.random()), enabled=False)
        self.fleet = SimulatedFleet(
            clock=self.clock,
            registry=Registry(IMAGES),
            faults=self.faults,
            settings=SimulatedSettings(deadline_s=DEADLINE_S, latency_s=0.01, slow_s=1.0),
        )
        self.repository = Repository(files=self.files)
        self.weather = Chaos(self.rng, self.fleet, self.faults, adopting=frozenset(NAMES))
        self.outside = OutsideEvents(random.Random(f"outside {self.rng.getstate()[1][:4]}"))
        self.projects = ComposeProjects(random.Random(f"projects {self.seed}"), self._is(ADOPTING))
        self.tags = MovingTags(random.Random(f"tags {self.seed}"), self._is(MOVING))
        self.monitor = SafetyMonitor(self.repository, self.fleet, projects=self.projects)
        self.history = self.make_history()
        self.order = random.Random(self.rng.random())
        self.pushes = self.files and self.order.random() < 0.7  # only files can be reverted
        self.reconciler = self._new_reconciler()
        self.past: list[TreeRecipe] = []

    def _is(self, kind: int) -> bool:
        return self.seed % KINDS == kind

    def _new_reconciler(self) -> Reconciler:
        workers = InlineWorkers(self.clock.sleep, self.order.randrange)
        self.monitor.under_way = lambda: {(piece.key[0], piece.key[1].image) for piece in workers.shared}
        parts = ReconcilerParts(
            repository=ConfigRepository(
                self.repository, self.history, self.clock, Branch(URL, BRANCH), Reading()
            ),
            history=self.history,
            connect=self.monitor.connect,
            clock=self.clock,
            workers=workers,
            settings=ReconcileSettings(push_reverts=self.pushes),
        )
        reconciler = Reconciler(parts)
        load = reconciler._loader.load

        def noted(**how: bool) -> Loaded:
            loaded = load(**how)
            self.monitor.commit = loaded.desired.commit if loaded.desired else ""
            return loaded

        reconciler._loader.load = noted
        return reconciler

    def commit(self, tree: TreeRecipe) -> None:
        """Push a commit."""
        self.repository.commit(tree)
        self.projects.outrun(tree, self.fleet)
        self.past.append(tree)
        self.tally.commits += 1

    def lose_state(self) -> None:
        """Delete the state directory."""
        self.history = self.make_history()
        self.reconciler = self._new_reconciler()
        self.monitor.places.forget_seen()
        self.tally.wipes += 1

    def hold_an_app(self) -> None:
        """An operator holds an app for a while."""
        apps = self.repository.head_tree.apps
        if apps:
            until = self.clock.now() + timedelta(seconds=self.rng.choice((30, 300)))
            self.history.hold(self.rng.choice(apps).key, Hold(reason="somebody looks at it", until=until))

    def wait_for_holds(self) -> None:
        """Let all holds of operators end."""
        ends = [hold.until for hold in self.history.holds().values() if hold.until is not None]
        self.clock.sleep(
            max(0.0, (max(ends, default=self.clock.now()) - self.clock.now()).total_seconds()) + 1
        )

    def _note_taken_for_stable(self) -> None:
        known = {release.app for release in self.history.releases(None)}
        self.taken_for_stable |= {
            container.owner.app
            for world in self.fleet.worlds.values()
            for container in world.containers.values()
            if self.tally.wipes and container.up and container.owner is not None
            if container.image in BAD and container.owner.app not in known
        }

    def run(self, *, crash_at: int | None = None, restless: float = 0.0) -> RunReport | None:
        """Run one reconcile; None if the controller crashed.  `restless`: the chance per check that the run yields."""
        monitor = self.monitor
        monitor.history = self.history
        monitor.begin_pass()
        self._note_taken_for_stable()
        if crash_at is not None:
            monitor.at_request.setdefault(monitor.request_count + crash_at, []).append(crash_now)
        self.tally.passes += 1
        try:
            control = RunControl(should_yield=lambda: self.order.random() < restless)
            with monitor.answers.noting():
                report = self.reconciler.run(trigger="poll", control=control)
        except SimulatedCrash:
            self.tally.crashes += 1
            self.reconciler = self._new_reconciler()
            report = None
        monitor.at_request.clear()
        monitor.at_poll.clear()
        monitor.after_request.clear()
        self.tally.requests += len(monitor.requests)
        self.weather.note_volumes()
        self.monitor.places.learn()
        self.outside.check_quarantines(self.history.releases(None), self.repository, self.weather.harmed)
        if report is not None:
            self.monitor.places.note_seen()
            self._check_refusal(report)
            _check_foreseen(report)
            self.tally.quarantines += any(result.gate_failed for result in report.results)
            self.tally.holds += len(report.final_status.plan.holds)
        return report

    def _check_refusal(self, report: RunReport) -> None:
        plan = report.first_plan
        if plan.refusals:
            self.tally.refusals += 1
        if plan.refusals and self.monitor.requests:
            raise Violation(f"a refused commit was acted on: {self.monitor.requests}")

    def status(self) -> Status:
        """Return the status; Violation if reading it changes something."""
        before = self.monitor.request_count
        status = self.reconciler.read_status()
        if self.monitor.request_count != before:
            raise Violation(f"plan made changes: {self.monitor.requests[-5:]}")
        return status


def run_history(seed: int, **options) -> Tally:
    """Run the history of this seed; a Violation describes the failure.  The options are those of Stage."""
    rng = random.Random(seed)
    stage = Stage(rng, seed=seed, **options)
    stage.commit(first_tree(rng))
    for _ in range(rng.randint(COMMITS_MIN, COMMITS_MAX)):
        stormy_step(stage)
    stage.weather.calm()
    stage.repository.push_weather = lambda: ""
    stage.wait_for_holds()
    calm_down(stage)
    reckon(stage)
    stage.tally.drifted = stage.weather.drifted
    stage.tally.ended_outside = stage.outside.count
    stage.tally.strangers = stage.weather.foreign_count
    stage.tally.runs = len(stage.monitor.ran)
    stage.tally.commands = stage.monitor.command_count
    stage.tally.taken_over = stage.projects.taken_over(stage.fleet)
    stage.tally.tags_moved = stage.tags.count
    stage.tally.pushes = stage.repository.push_count
    return stage.tally


def commit_something(stage: Stage) -> None:
    """A person commits on top of head, which the controller may have pushed."""
    tree = next_tree(stage.rng, stage.repository.head_tree, stage.past[:-1])
    tree = stage.outside.ask_for(stage.outside.make_restartable(tree), stage.weather.ports_taken())
    stage.commit(stage.tags.ask(stage.projects.adopt(tree, stage.fleet)))


def stormy_step(stage: Stage) -> None:
    """Perhaps a commit, then one to three passes, each with random trouble."""
    rng = stage.rng
    stage.repository.push_weather = lambda: stage.order.choice(
        ("", "", "lost", "refused", "late", "before", "after")
    )
    stage.repository.on_late = lambda: commit_something(stage)
    if rng.random() < 0.8:
        commit_something(stage)
    for _ in range(rng.choice((1, 1, 2, 3))):
        stage.weather.change()
        stage.tags.push(stage.fleet.registry)
        stage.repository.reachable = rng.random() < 0.95
        if rng.random() < 0.03:
            stage.lose_state()
        if rng.random() < 0.05:
            stage.hold_an_app()
        if rng.random() < 0.1:
            stage.history.accept(stage.repository.head)  # promotes a canary, or allows a refused plan
        if rng.random() < 0.15:
            at = stage.monitor.request_count + rng.randint(1, 12)
            stage.monitor.at_request.setdefault(at, []).append(stage.weather.drift)
        stage.outside.await_a_gate(stage.monitor)
        crash_at = rng.randint(1, 15) if rng.random() < 0.15 else None
        stage.run(crash_at=crash_at, restless=stage.order.choice((0.0, 0.0, 0.2, 0.8)))
        stage.clock.sleep(rng.choice((1.0, 5.0, 30.0, 120.0)))
    stage.repository.reachable = True
    check_damage(stage)


def reckon(stage: Stage) -> None:
    """Much later, repair everything in one last commit; Violation if the fleet does not become exactly that."""
    stage.clock.sleep(LONG_S)
    # A person has read that holds and pins may be lost.
    stage.history.acknowledge_loss()
    tree = stage.projects.repair(settle(stage.rng, [*stage.past, stage.repository.head_tree]))
    stage.commit(stage.tags.ask(tree, likely=1))
    apps = stage.repository.desired(stage.repository.head).apps
    failed = {app.key.name for app in apps if app.digest in stage.history.failed_digests(app.key)}
    # Releases that drift failed get another attempt. So do ungated ones with an unhealthy container: they would fail.
    stage.commit(touched(stage.repository.head_tree, failed | _unhealthy_and_ungated(stage, apps)))
    status = _settle(stage)
    if stage.tags.enabled:
        stage.tags.push(stage.fleet.registry, likely=1)
        status = _settle(stage)
    asking = [hold for hold in status.plan.holds if _asks_a_person(stage, hold)]
    for _ in status.plan.holds:  # one may wait for one that waits
        asking += [hold for hold in status.plan.holds if hold not in asking and _waits_for(hold, asking)]
    holds = [f"{hold.subject}: {hold.reason}" for hold in status.plan.holds if hold not in asking]
    but = {hold.app.name for hold in asking if BY_HAND not in hold.reason}
    # After a revert in Git, failed containers stay for inspection until their app changes.
    may_stay = stage.repository.push_count > 0
    wrong = differences(stage.repository.head_tree, stage.fleet, but=but, failed_may_stay=may_stay)
    wrong += outdated(stage.repository.head_tree, stage.fleet, but)
    wrong += stage.projects.left(stage.repository.head_tree, stage.fleet, but)
    if standing(status) or status.plan.refusals or holds or wrong:
        fail(f"the fleet is not what Git says: {wrong}; left to do: {_steps(status)}; holds: {holds}")
    check_damage(stage)


def _asks_a_person(stage: Stage, hold: PlanHold) -> bool:
    begun_blind = hold.app is not None and hold.app.name in stage.monitor.places.begun_blind
    return any(asked in hold.reason for asked in ASKS) or (begun_blind and TWO_PLACES in hold.reason)


def _waits_for(hold: PlanHold, asking: Iterable[PlanHold]) -> bool:
    """Whether an app is held for a port of one that runs on until a person has answered, or depends on such a one."""
    waits = (f"of {each.app}, which stays" for each in asking)
    depends = (f"waits for {each.app}, which" for each in asking)
    return any(words in hold.reason for words in (*waits, *depends))


def _settle(stage: Stage) -> Status:
    for _ in range(CALM_PASSES_MAX):
        report = stage.run()
        stage.clock.sleep(30)
        status = stage.status()
        if status.plan.refusals:
            _allow(stage, status)
        elif report is not None and report.exit_code == 0 and is_at_rest(status):
            break
    return stage.status()


def _unhealthy_and_ungated(stage: Stage, apps: Iterable[App]) -> set[str]:
    sick = {
        container.owner.app
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.owner is not None and container.health is Health.UNHEALTHY
    }
    gated = {
        (each.app, each.digest) for each in stage.history.releases(None) if each.state is ReleaseState.STABLE
    }
    return {app.key.name for app in apps if app.key in sick and (app.key, app.digest) not in gated}


def _allow(stage: Stage, status: Status) -> None:
    """An operator reads the refusal and allows the commit."""
    if any(refusal.rule == EVERYTHING for refusal in status.plan.refusals):
        stage.repository.allow_empty = True
        stage.commit(stage.repository.head_tree)
    stage.history.accept(stage.repository.head)


def _check_foreseen(report: RunReport) -> None:
    """Violation for an internal error: the product isolates it to one app or host, and the simulation must find it."""
    status = report.final_status
    known = [row.reason for row in (*status.apps, *status.hosts)] + [
        hold.reason for hold in status.plan.holds
    ]
    known += [each.error for each in report.results] + [str(each) for each in status.problems]
    for reason in (*known, status.error):
        if INTERNAL_ERROR in reason:
            raise Violation(reason)


def _steps(status: Status) -> list[str]:
    refusals = [refusal.message for refusal in status.plan.refusals]
    return [f"{a.kind.value} {a.name} on {a.host}: {a.reason}" for a in status.plan.actions] + refusals
