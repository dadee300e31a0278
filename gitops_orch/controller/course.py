"""The course of a run: plans are carried out until nothing is left that this run can do, and what came of it is noted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from gitops_orch.controller.anew import beside
from gitops_orch.controller.conduct import Conduct, Progress, ProgressEvent
from gitops_orch.controller.execute import Executor, Means
from gitops_orch.controller.facts import note_greetings, passed_again, proved_releases, started_runs
from gitops_orch.controller.gates import Watches
from gitops_orch.controller.last_words import struck_out, text_without, with_last_words
from gitops_orch.controller.load import Loaded
from gitops_orch.controller.look import Look, Sight, take_look
from gitops_orch.controller.record import Recorder
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.plan import Action, Plan
from gitops_orch.model.status import ActionResult, Outcome, SkipReason
from gitops_orch.model.trouble import LEFT_GIT

# Forward, back while trouble lasts, what the way back has left over, and what only shows once that is done.  One that a
# failed gate ended does not count: it leaves an app fewer to fail, for that one is quarantined or waits.
PASSES_MAX = 8


def _has_ended(done: Iterable[ActionResult], repeats: bool) -> bool:  # noqa: FBT001 - its caller names it
    """Tell whether a run has nothing more to do: it was stopped or yields, or the next plan would only do the same again."""
    results = list(done)
    if any(result.outcome is Outcome.FAILED for result in results):
        return False
    return repeats or any(result.skip_reason is SkipReason.RUN_STOPPED for result in results)


def may_act(look: Look) -> bool:
    """Tell whether a plan may be carried out at all: a known desired state, and no refusal."""
    return look.world is not None and not look.picture.plan.refusals


class Course:
    """Looks, carries out, looks again; `results` has what was done so far."""

    def __init__(
        self,
        sight: Sight,
        recorder: Recorder,
        watches: Watches,
        conduct: Conduct,
        apps: frozenset[AppKey] = frozenset(),  # the run is kept to these; to none in particular where empty
    ) -> None:
        self.results: tuple[ActionResult, ...] = ()
        self._sight = sight
        self._recorder = recorder
        self._watches = watches
        self._conduct = replace(conduct, progress=self._without_secrets(conduct.progress))
        self._apps = apps
        self._failures_left = 0
        self._looks: dict[AppKey | None, Look] = {}  # of which an app's newest plan was made
        self._learned: dict[str, ActionResult] = {}  # what was learned from, by action, as it may be told

    def _without_secrets(self, progress: Progress) -> Progress:
        """Return a progress that hears of failures and notes without what the app's files hold: the log follows it."""

        def follow(event: ProgressEvent) -> None:
            if event.result is not None and (event.result.outcome is Outcome.FAILED or event.result.note):
                result = struck_out(event.result, self._app_of(event.result.action))
                event = replace(event, result=result)
            elif event.kind == "waiting" and event.action is not None:
                event = replace(event, message=text_without(event.message, self._app_of(event.action)))
            progress(event)

        return follow

    def _app_of(self, action: Action) -> App | None:
        world = self._looks[action.app].world
        apps = (each.app for each in world.chosen) if world is not None else ()
        return next((app for app in apps if app.key == action.app), None)

    def look(self, loaded: Loaded, *, quick: bool) -> Look:
        """Look at everything, and keep what was found."""
        look = take_look(self._sight, loaded, impatient=quick, apps=self._apps)
        self._recorder.remember(look)
        self._note_unread(look)
        if look.desired is not None:
            self._sight.tags.keep(look.desired.apps)
        return look

    def _note_unread(self, look: Look) -> None:
        """Count each read of a host's files that failed as an attempt at the apps that have these files."""
        digests = (
            {each.app.key: each.app.digest for each in look.world.chosen} if look.world is not None else {}
        )
        reasons = {each.app: each.reason for each in self._sight.host_files.not_noted(look.unread)}
        for app, reason in reasons.items():
            self._sight.history.note_trouble(app, digests[app], reason)

    def walk(self, look: Look) -> Look:
        """Carry plans out until there is nothing left to do that this run can do; returns how things stand then."""
        passes_left = PASSES_MAX
        carried_out: set[str] = set()
        # Each app may fail once, and go back; more than that would be a mistake of ours, and must not go on for ever.
        self._failures_left = PASSES_MAX + (len(look.world.chosen) if look.world is not None else 0)
        while passes_left and self._failures_left > 0:
            plan = look.picture.plan
            self._forget_watches(plan)
            if not may_act(look) or not plan.actions or self._conduct.should_stop():
                break
            failures_left = self._failures_left
            done = self._carry_out(look, plan)
            passes_left -= self._failures_left == failures_left
            self.results += tuple(result for result in done if result.skip_reason is not SkipReason.REPLANNED)
            # Who was silent a moment ago is not waited for once more.
            look = self.look(look.loaded, quick=True)
            carried_out.add(plan.digest)
            if _has_ended(done, look.picture.plan.digest in carried_out):
                break
        return look

    def _carry_out(self, look: Look, plan: Plan) -> tuple[ActionResult, ...]:
        sight = self._sight
        self._conduct.progress(ProgressEvent(kind="planned", message=plan.digest, total=len(plan.actions)))
        self._recorder.begin(plan)
        self._loaded = look.loaded
        self._looks = {action.app: look for action in plan.actions}
        self._learned.clear()
        means = Means(
            engines=sight.engines.by_name, workers=sight.workers, clock=sight.clock, watches=self._watches
        )
        done = Executor(means, self._conduct, self._plan_anew).run(plan)
        self._learn(result for result in done if result.action.id not in self._learned)
        sight.started_runs.clear()
        sight.started_runs.update(started_runs(done))
        return tuple(self._learned[result.action.id] for result in done)

    def _forget_watches(self, plan: Plan) -> None:
        """What a gate saw counts only for whoever goes on waiting: days later it would blame a release for a restart."""
        awaited = {(action.host, action.name) for action in plan.actions if action.gate is not None}
        for container in self._watches.keys() - awaited:
            del self._watches[container]

    def _plan_anew(
        self, results: tuple[ActionResult, ...], busy: frozenset[AppKey | None]
    ) -> tuple[Action, ...]:
        """Learn from apps that have ended, and plan for all that are not busy (anew.PlanAnew)."""
        self._learn(results)
        self._sight.started_runs.update(started_runs(results))
        if self._failures_left <= 0 or self._conduct.should_stop():
            return ()
        look = self.look(self._loaded, quick=True)
        if not may_act(look):
            return ()
        plan = replace(look.picture.plan, actions=beside(look.picture.plan.actions, busy))
        self._recorder.begin(plan)
        self._looks |= {action.app: look for action in plan.actions}
        return plan.actions

    def _learn(self, results: Iterable[ActionResult]) -> None:
        """Note what results say of releases, apps and containers."""
        by_look: dict[int, list[ActionResult]] = defaultdict(list)
        looks = {id(look): look for look in self._looks.values()}
        for result in results:
            by_look[id(self._looks[result.action.app])].append(result)
        told = [each for identity, some in by_look.items() for each in self._learn_of(looks[identity], some)]
        self._sight.proved.update(proved_releases(told))
        self._sight.passed_again.update(passed_again(told))
        note_greetings(self._sight.greeted, told)
        self._failures_left -= any(result.gate_failed for result in told)

    def _learn_of(self, look: Look, results: Iterable[ActionResult]) -> tuple[ActionResult, ...]:
        """Note what results say that came of a look's plan, and return them with the last words of what failed."""
        sight, world = self._sight, look.world
        assert world is not None  # noqa: S101 - only a plan of a known world is carried out
        apps = {each.app.key: each.app for each in world.chosen}
        told = with_last_words(results, sight.engines.by_name(), sight.workers, sight.clock, apps)
        quarantined = self._recorder.quarantine(look, told) | sight.tags.learn(told, world)
        digests = {each.action.app: LEFT_GIT for each in told if each.action.app is not None}
        digests |= {key: app.digest for key, app in apps.items()}
        failed = sight.backoff.note(told, sight.clock.monotonic_s(), quarantined, world.waits, digests)
        for app, digest, reason in failed:
            sight.history.note_trouble(app, digest, reason)
        sight.restraint.note(told, world)
        # Last, so that what is broken off before is done again.
        self._learned |= {result.action.id: result for result in told}
        return told
