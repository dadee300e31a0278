"""One random history: commits and faults against the real planner and controller, then calm, then the reckoning."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from simulation.commits import first_tree, next_tree, settle, touched
from simulation.memory_history import MemoryHistory
from simulation.oracle import app_differences, differences
from simulation.recipes import IMAGES, AppRecipe, TreeRecipe, is_hopeless
from simulation.repository import Repository
from simulation.tally import Tally
from simulation.weather import Weather, crash_now
from simulation.witness import Violation, Witness

from gitops_orch.controller.conduct import Conduct
from gitops_orch.controller.load import Loaded
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.engine.simulated.clock import SimulatedClock
from gitops_orch.engine.simulated.engine import SimulatedSettings
from gitops_orch.engine.simulated.faults import SeededFaults, SimulatedCrash
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import Registry
from gitops_orch.errors import OUR_MISTAKE
from gitops_orch.model.app import App, AppKey, Hold
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.observed import Health
from gitops_orch.model.plan import Action
from gitops_orch.model.release import ReleaseState
from gitops_orch.model.status import AppHealth, AppReleaseState, Picture, RunReport
from gitops_orch.planner.safety import EVERYTHING

COMMITS_MIN, COMMITS_MAX = 3, 8
CALM_PASSES_MAX = 12
DEADLINE_S = 2.0
BY_HAND = "it was changed on the host"  # a file that somebody edited there is kept
ASKS = (  # of a person, in the end, too
    BY_HAND,
    "without its data",  # begun elsewhere, while the host that has it was silent and all state was lost
)
LONG_S = 7200.0  # whatever is left alone for a while after a fight is not any more
NOT_TRIED = "is not tried again until"  # in the reason of a hold of an app that went back
PAUSED = "tried again at"  # in the reason of a hold that ends by itself after a failure
SALT = "5a17"
URL, BRANCH = "file:///fleet", "main"

GONE_BACK = {AppReleaseState.ROLLED_BACK, AppReleaseState.FAILED}
WELL = {AppHealth.HEALTHY, AppHealth.PROGRESSING}


@dataclass
class Stage:
    """The controller, and the world that it acts in."""

    rng: random.Random
    make_history: Callable[[], object] = lambda: MemoryHistory(SALT)
    files: bool = False  # commits are files, and go through the real loader
    tally: Tally = field(default_factory=Tally)

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
        self.weather = Weather(self.rng, self.fleet, self.faults)
        self.witness = Witness(self.repository, self.fleet)
        self.history = self.make_history()
        self.order = random.Random(self.rng.random())
        self.pushes = self.files and self.order.random() < 0.7  # only files can be put back
        self.reconciler = self._new_reconciler()
        self.past: list[TreeRecipe] = []

    def _new_reconciler(self) -> Reconciler:
        workers = InlineWorkers(self.clock.sleep, self.order.randrange)
        self.witness.under_way = lambda: {piece.key[:2] for piece in workers.shared}
        parts = ReconcilerParts(
            source=self.repository,
            history=self.history,
            connect=self.witness.connect,
            clock=self.clock,
            workers=workers,
            settings=ReconcileSettings(url=URL, branch=BRANCH, push_reverts=self.pushes),
        )
        reconciler = Reconciler(parts)
        load = reconciler._loader.load

        def noted(**how: bool) -> Loaded:
            loaded = load(**how)
            self.witness.commit = loaded.desired.commit if loaded.desired else ""
            return loaded

        reconciler._loader.load = noted
        return reconciler

    def commit(self, tree: TreeRecipe) -> None:
        """Push a commit."""
        self.repository.commit(tree)
        self.past.append(tree)
        self.tally.commits += 1

    def lose_state(self) -> None:
        """Somebody deletes the state directory."""
        self.history = self.make_history()
        self.reconciler = self._new_reconciler()
        self.tally.wipes += 1

    def hold_an_app(self) -> None:
        """An operator says that an app is left alone for a while."""
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

    def run(self, *, crash_at: int | None = None, restless: float = 0.0) -> RunReport | None:
        """One reconcile; None where the controller died in it.  `restless`: how likely something comes up at a look."""
        witness = self.witness
        witness.history = self.history
        witness.begin_pass()
        if crash_at is not None:
            witness.at_request.setdefault(witness.request_count + crash_at, []).append(crash_now)
        self.tally.passes += 1
        try:
            conduct = Conduct(should_yield=lambda: self.order.random() < restless)
            with witness.answers.noting():
                report = self.reconciler.run(trigger="poll", conduct=conduct)
        except SimulatedCrash:
            self.tally.crashes += 1
            self.reconciler = self._new_reconciler()
            report = None
        witness.at_request.clear()
        witness.after_request.clear()
        self.tally.requests += len(witness.requests)
        self.weather.note_volumes()
        if report is not None:
            self._check_refusal(report)
            _check_foreseen(report)
            self.tally.quarantines += any(result.gate_failed for result in report.results)
            self.tally.holds += len(report.picture.plan.holds)
        return report

    def _check_refusal(self, report: RunReport) -> None:
        plan = report.first_plan
        if plan.refusals:
            self.tally.refusals += 1
        if plan.refusals and self.witness.requests:
            raise Violation(f"a refused commit was acted on: {self.witness.requests}")

    def picture(self) -> Picture:
        """Look, and see to it that looking changes nothing."""
        before = self.witness.request_count
        picture = self.reconciler.picture()
        if self.witness.request_count != before:
            raise Violation(f"plan made changes: {self.witness.requests[-5:]}")
        return picture


def run_history(seed: int, **options) -> Tally:
    """Live through the history of this seed; Violation says what went wrong.  Options are those of Stage."""
    rng = random.Random(seed)
    stage = Stage(rng, **options)
    stage.commit(first_tree(rng))
    for _ in range(rng.randint(COMMITS_MIN, COMMITS_MAX)):
        stormy_step(stage)
    stage.weather.calm()
    stage.repository.push_weather = lambda: ""
    stage.wait_for_holds()
    calm_down(stage)
    reckon(stage)
    stage.tally.drifted = stage.weather.drifted
    stage.tally.runs = len(stage.witness.ran)
    stage.tally.commands = stage.witness.command_count
    stage.tally.pushes = stage.repository.push_count
    return stage.tally


def commit_something(stage: Stage) -> None:
    """Somebody commits on top of what is there, which the controller may have pushed."""
    stage.commit(next_tree(stage.rng, stage.repository.head_tree, stage.past[:-1]))


def stormy_step(stage: Stage) -> None:
    """A commit, perhaps, and a pass or two in whatever weather there is."""
    rng = stage.rng
    stage.repository.push_weather = lambda: stage.order.choice(
        ("", "", "lost", "refused", "late", "before", "after")
    )
    stage.repository.on_late = lambda: commit_something(stage)
    if rng.random() < 0.8:
        commit_something(stage)
    for _ in range(rng.choice((1, 1, 2, 3))):
        stage.weather.change()
        stage.repository.reachable = rng.random() < 0.95
        if rng.random() < 0.03:
            stage.lose_state()
        if rng.random() < 0.05:
            stage.hold_an_app()
        if rng.random() < 0.1:
            stage.history.accept(stage.repository.head)  # promotes a canary, and lets a refusal through
        if rng.random() < 0.15:
            at = stage.witness.request_count + rng.randint(1, 12)
            stage.witness.at_request.setdefault(at, []).append(stage.weather.drift)
        crash_at = rng.randint(1, 15) if rng.random() < 0.15 else None
        stage.run(crash_at=crash_at, restless=stage.order.choice((0.0, 0.0, 0.2, 0.8)))
        stage.clock.sleep(rng.choice((1.0, 5.0, 30.0, 120.0)))
    stage.repository.reachable = True
    _check_damage(stage)


def calm_down(stage: Stage) -> None:
    """Without faults, a few passes leave nothing to do, whatever the commit is like."""
    for _ in range(CALM_PASSES_MAX):
        report = stage.run()
        stage.clock.sleep(30)
        if report is not None and is_at_rest(report.picture) and is_at_rest(stage.picture()):
            break
    picture = stage.picture()
    in_force = stage.repository.commits.get(stage.witness.commit, stage.repository.head_tree)
    asked = (
        *stage.repository.head_tree.apps,
        *in_force.apps,
    )  # a head that cannot be acted on leaves the one before
    hopeless = {app.key for app in asked if is_hopeless(app)}
    # An app whose way back does not do well either is tried again now and then, for ever.
    last = report.picture.plan.holds if report is not None else ()
    paused = {hold.app for hold in (*last, *picture.plan.holds) if PAUSED in hold.reason}
    gone_back = [app for app in picture.apps if app.release_state in GONE_BACK]
    hopeless |= {app.key for app in gone_back if app.health not in WELL or app.key in paused}
    hopeless |= _robbed(stage, asked)
    for _ in asked:  # and whoever waits for one of these waits with it
        hopeless |= {app.key for app in asked if _needed(app) in hopeless}
    left = [action for action in standing(picture) if action.app not in hopeless]
    left += [hold for hold in picture.plan.holds if PAUSED in hold.reason and hold.app not in hopeless]
    if left and not picture.plan.refusals:
        _fail(stage, f"still not at rest after {CALM_PASSES_MAX} calm passes: {left}")
    _check_whole(stage, picture, in_force)
    _check_git_heard(stage, picture)
    _check_damage(stage)


def _robbed(stage: Stage, apps: Iterable[AppRecipe]) -> set[AppKey]:
    """A port that head gives to one app, while the other runs a release that has it still: that one waits."""
    taken = {
        (port, container.owner.app)
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.up and container.owner is not None
        for _, port, _ in container.ports
    }
    return {
        app.key
        for app in apps
        for service in app.services
        for port, owner in taken
        if port == service.port and owner != app.key
    }


def _needed(app: AppRecipe) -> AppKey | None:
    return AppKey(namespace="default", name=app.needs) if app.needs else None


def _check_whole(stage: Stage, picture: Picture, tree: TreeRecipe) -> None:
    """An app that went back is its former release on all hosts, never a mix of two."""
    busy = {action.app for action in picture.plan.actions}
    # What is held is left as it is, whatever comes.
    busy |= {hold.app for hold in picture.plan.holds if NOT_TRIED not in hold.reason}
    for row in picture.apps:
        back = row.release_state is AppReleaseState.ROLLED_BACK and row.health is AppHealth.HEALTHY
        recipe = stage.repository.recipes.get((row.key, row.release))
        if recipe is None or any(service.everywhere for service in recipe.services):
            continue  # on how many hosts it can be depends on what these are for at the moment
        if back and row.key not in busy and not picture.plan.unknown_hosts:
            wrong = app_differences(tree, recipe, stage.fleet, failed_may_stay=True)
            if wrong:
                _fail(stage, f"{row.key} went back to a mix: {wrong}")


def _check_git_heard(stage: Stage, picture: Picture) -> None:
    """What failed and went back was reverted in Git, too, or it is said why not."""
    if not (stage.pushes and picture.commit) or picture.plan.refusals or picture.plan.unknown_hosts:
        return
    asked = {app.key: app.digest for app in stage.repository.desired(picture.commit).apps}
    held = {hold.app for hold in picture.plan.holds if NOT_TRIED not in hold.reason}
    for row in picture.apps:
        record = stage.history.reverts().get((row.key, asked.get(row.key, "")))
        if row.release_state is AppReleaseState.ROLLED_BACK and row.key not in held and record is None:
            _fail(stage, f"{row.key} went back, and nobody tried to revert it in Git")


def is_at_rest(picture: Picture) -> bool:
    """Whether nothing is left to do, now or once a pause after a failure is over."""
    paused = any(
        PAUSED in hold.reason or "which does not do well" in hold.reason for hold in picture.plan.holds
    )
    return bool(picture.plan.refusals) or not (standing(picture) or paused)


def standing(picture: Picture) -> list[Action]:
    """What is left to do beside scheduled runs, which are due whenever their time comes, and what only they need."""
    left: dict[str, bool] = {}  # by id: whether it is for anything else
    followers: dict[str, list[str]] = defaultdict(list)
    for action in picture.plan.actions:
        for before in (*action.after, *action.follows):
            followers[before].append(action.id)
    for action in reversed(picture.plan.actions):
        is_run, standing_on_it = is_run_slot(action.slot or 0), followers[action.id]
        left[action.id] = not is_run and (not standing_on_it or any(left[each] for each in standing_on_it))
    return [action for action in picture.plan.actions if left[action.id]]


def reckon(stage: Stage) -> None:
    """Everything is mended in one last commit, long after, and the fleet must become exactly that."""
    stage.clock.sleep(LONG_S)
    stage.commit(settle(stage.rng, [*stage.past, stage.repository.head_tree]))
    apps = stage.repository.desired(stage.repository.head).apps
    failed = {app.key.name for app in apps if app.digest in stage.history.failed_digests(app.key)}
    # What another hand made fail then does well now; what it made sick before it was proved would fail with it.
    stage.commit(touched(stage.repository.head_tree, failed | _sick_and_unproved(stage, apps)))
    for _ in range(CALM_PASSES_MAX):
        report = stage.run()
        stage.clock.sleep(30)
        picture = stage.picture()
        if picture.plan.refusals:
            _allow(stage, picture)
        elif report is not None and report.exit_code == 0 and is_at_rest(picture):
            break
    picture = stage.picture()
    asking = [hold for hold in picture.plan.holds if any(asked in hold.reason for asked in ASKS)]
    holds = [f"{hold.subject}: {hold.reason}" for hold in picture.plan.holds if hold not in asking]
    but = {hold.app.name for hold in asking if BY_HAND not in hold.reason}
    may_stay = stage.repository.push_count > 0  # for a look, until its app changes: what was reverted in Git
    wrong = differences(stage.repository.head_tree, stage.fleet, but=but, failed_may_stay=may_stay)
    if standing(picture) or picture.plan.refusals or holds or wrong:
        _fail(
            stage, f"the fleet is not what Git says: {wrong}; left to do: {_steps(picture)}; holds: {holds}"
        )
    _check_damage(stage)


def _sick_and_unproved(stage: Stage, apps: Iterable[App]) -> set[str]:
    sick = {
        container.owner.app
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.owner is not None and container.health is Health.UNHEALTHY
    }
    proved = {
        (each.app, each.digest) for each in stage.history.releases(None) if each.state is ReleaseState.STABLE
    }
    return {app.key.name for app in apps if app.key in sick and (app.key, app.digest) not in proved}


def _allow(stage: Stage, picture: Picture) -> None:
    """An operator reads the refusal and says that it was meant."""
    if any(refusal.rule == EVERYTHING for refusal in picture.plan.refusals):
        stage.repository.allow_empty = True
        stage.commit(stage.repository.head_tree)
    stage.history.accept(stage.repository.head)


def _check_foreseen(report: RunReport) -> None:
    """What the product keeps to one app or host, so that the others go on, is a mistake that must be found here."""
    picture = report.picture
    told = [row.reason for row in (*picture.apps, *picture.hosts)] + [
        hold.reason for hold in picture.plan.holds
    ]
    told += [each.error for each in report.results] + [str(each) for each in picture.problems]
    for reason in (*told, picture.error):
        if OUR_MISTAKE in reason:
            raise Violation(reason)


def _check_damage(stage: Stage) -> None:
    damage = stage.weather.damage()
    if damage:
        _fail(stage, "; ".join(damage))


def _steps(picture: Picture) -> list[str]:
    refusals = [refusal.message for refusal in picture.plan.refusals]
    return [f"{a.kind.value} {a.name} on {a.host}: {a.reason}" for a in picture.plan.actions] + refusals


def _fail(stage: Stage, sentence: str) -> None:
    raise Violation(sentence)
