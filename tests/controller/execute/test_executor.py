"""Walking a plan: order, failures, gates, and being asked to stop."""

from simulation.simulated_clock import SimulatedClock

from gitops_orch.controller.execute.dispatcher import Services
from gitops_orch.controller.execute.executor import Executor
from gitops_orch.controller.execute.replan import actions_of_idle_apps, no_replan
from gitops_orch.controller.execute.run_control import RunControl
from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.model.app import UpdatePolicy
from gitops_orch.model.host import Host
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import FailureKind, Outcome
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import app, service, world

IMAGE = "stub:1"


class Stage:
    """One simulated host, and a plan for it."""

    def __init__(self, *apps, behaviour=None, hosts=("h1",), images=None):
        self.clock = SimulatedClock()
        self.fleet = SimulatedFleet(
            clock=self.clock, registry=Registry({IMAGE: behaviour or ImageBehaviour(), **(images or {})})
        )
        self.engines = {name: self.fleet.connect(Host(name=name, url=f"sim://{name}")) for name in hosts}
        self.apps = apps
        self.watches = {}

    def plan(self, **fields):
        observed = {name: engine.observe() for name, engine in self.engines.items()}
        return make_plan(world(*self.apps, observed=observed, **fields))

    def run(self, control=None, **fields):
        return self.executor(InlineWorkers(self.clock.sleep), control).run(self.plan(**fields))

    def executor(self, workers, control=None, plan_anew=no_replan):
        means = Services(
            engines=lambda: self.engines, workers=workers, clock=self.clock, gate_progress=self.watches
        )
        return Executor(means, control, plan_anew)


def outcomes(results):
    return {result.action.kind.value: result.outcome for result in results}


def watched(seconds):
    return app("shop", service(update=UpdatePolicy(monitor_s=seconds)))


def test_a_plan_is_walked_to_its_end():
    stage = Stage(watched(10))
    results = stage.run()
    assert set(outcomes(results).values()) == {Outcome.DONE}
    assert stage.plan().actions == ()


def test_what_stands_on_a_failure_is_skipped_and_the_rest_goes_on():
    bad = app("bad", service(image="nowhere:1"))
    stage = Stage(bad, watched(0), images={"nowhere:1": ImageBehaviour(pull_error="no such image")})
    results = stage.run()
    by_app = {}
    for result in results:
        by_app.setdefault(result.action.app.name, set()).add(result.outcome)
    assert by_app["shop"] == {Outcome.DONE}
    assert by_app["bad"] == {Outcome.FAILED, Outcome.SKIPPED}


def test_a_gate_that_fails_says_so_apart_from_the_worlds_troubles():
    stage = Stage(watched(10), behaviour=ImageBehaviour(exits_after_s=2, exit_code=3))
    failed = [result for result in stage.run() if result.outcome is Outcome.FAILED]
    assert [result.failure for result in failed] == [FailureKind.GATE]
    assert "exited with code 3" in failed[0].error


def test_a_run_that_only_waits_yields_and_the_next_takes_the_gate_up_where_it_was():
    stage = Stage(watched(10))
    begun = stage.clock.monotonic_s()
    asked = []

    def after_six_seconds():
        asked.append(True)
        return stage.clock.monotonic_s() - begun > 6

    first = stage.run(RunControl(should_yield=after_six_seconds))
    assert outcomes(first)["wait_healthy"] is Outcome.SKIPPED
    yielded = stage.clock.monotonic_s()
    second = stage.run(ungated=frozenset(each.key for each in stage.apps))
    assert outcomes(second) == {"wait_healthy": Outcome.DONE}
    assert stage.clock.monotonic_s() - yielded < 6


def test_an_app_whose_gate_fails_is_planned_anew_beside_the_waits_of_others():
    bad = app("bad", service(image="bad:1", update=UpdatePolicy(monitor_s=10)))
    stage = Stage(bad, watched(60), images={"bad:1": ImageBehaviour(exits_after_s=2, exit_code=1)})
    begun = stage.clock.monotonic_s()
    asked = []

    def plan_anew(results, busy):
        asked.append((stage.clock.monotonic_s() - begun, {each.action.app.name for each in results}, busy))
        former = app("bad", service(update=UpdatePolicy(monitor_s=0)), digest="former")
        stage.apps = (former, watched(60))
        return actions_of_idle_apps(stage.plan().actions, busy)

    results = stage.executor(InlineWorkers(stage.clock.sleep), plan_anew=plan_anew).run(stage.plan())

    ((after_s, ended, busy),) = asked
    assert after_s < 10
    assert (ended, {each.name for each in busy}) == ({"bad"}, {"shop"})
    made = [
        r
        for r in results
        if r.action.kind is Kind.CREATE and r.action.payload.container.app.digest == "former"
    ]
    assert [r.outcome for r in made] == [Outcome.DONE]
    waits = {r.action.app.name: r.outcome for r in results if r.action.kind is Kind.WAIT_HEALTHY}
    assert waits == {"shop": Outcome.DONE, "bad": Outcome.DONE}
    assert stage.clock.monotonic_s() - begun < 70
    assert len({r.action.id for r in results}) == len(results)


def test_a_run_does_not_yield_while_there_is_work_to_do():
    stage = Stage(watched(0), hosts=("h1", "h2"))
    results = stage.run(RunControl(should_yield=lambda: True))
    done = {kind for kind, outcome in outcomes(results).items() if outcome is Outcome.DONE}
    assert {"create_network", "create", "start"} <= done


def test_a_run_that_is_stopped_begins_nothing_more():
    stage = Stage(watched(0))
    results = stage.run(RunControl(should_stop=lambda: True))
    assert set(outcomes(results).values()) == {Outcome.SKIPPED}
    assert stage.engines["h1"].observe().containers == ()
