"""Stops of what was replaced leave a host to its starts, and keep nothing else waiting."""

from gitops_orch.controller.execute.deferred_stops import WAITING_MAX, DeferredStops
from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.errors import Unstartable
from gitops_orch.model.app import UpdatePolicy
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Create, Kind, Remove, Start, Stop
from gitops_orch.model.status import Outcome
from tests.controller.execute.test_executor import Stage
from tests.planner.builders import app, service


def endings_of(actions):
    endings = DeferredStops()
    endings.add(actions)
    return endings


def stop(number=1, host="h1", **fields):
    return Action(id=f"stop{number}", payload=Stop(), host=host, target="old", reason="replaced", **fields)


def step(payload, *after, follows=()):
    identity = payload.kind.value
    return Action(
        id=identity, payload=payload, host="h1", target="x", reason="", after=after, follows=follows
    )


def test_a_stop_that_a_start_stands_on_is_not_put_off_however_far_away_the_start_is():
    removed, created = step(Remove(), "stop1"), step(Create(None), "remove")
    assert not endings_of([stop(), removed, created]).defer(stop())
    assert not endings_of([stop(), step(Start(), follows=("stop1",))]).defer(stop())
    assert endings_of([stop(), removed]).defer(stop())


def test_stops_wait_for_their_own_host_alone():
    endings = endings_of([stop(1, "h1"), stop(2, "h2")])
    assert endings.defer(stop(1, "h1"))
    assert endings.defer(stop(2, "h2"))
    assert [each.id for each in endings.due({"h1"})] == ["stop2"]
    assert [each.id for each in endings.due(set())] == ["stop1"]
    assert not endings


def test_a_busy_host_keeps_only_so_many_old_containers_waiting_the_newest():
    stops = [stop(number) for number in range(WAITING_MAX + 2)]
    endings = endings_of(stops)
    assert all(endings.defer(each) for each in stops)
    assert [each.id for each in endings.due({"h1"})] == ["stop0", "stop1"]


def rolling(image):
    update = UpdatePolicy(monitor_s=0.0, parallelism=1)
    return app("shop", service(replicas=4, update=update, image=image), digest=f"of-{image}")


def rolled_out():
    """A host that runs one release, and Git that wants the next."""
    stage = Stage(rolling("stub:1"), images={"stub:2": ImageBehaviour()})
    stage.run()
    stage.apps = (rolling("stub:2"),)
    return stage


class Recording(InlineWorkers):
    """Notes in which order work is done."""

    def __init__(self, sleep):
        super().__init__(sleep)
        self.tokens = []

    def open(self):
        batch, tokens = super().open(), self.tokens
        submit = batch.submit

        def noted(lane, token, work):
            if isinstance(token, str):
                tokens.append(token.partition("/")[0])
            submit(lane, token, work)

        batch.submit = noted
        return batch


def test_old_containers_go_once_the_starts_of_their_host_are_through():
    stage = rolled_out()
    old = {each.id for each in stage.engines["h1"].observe().containers}
    workers = Recording(stage.clock.sleep)

    results = stage.executor(workers).run(stage.plan())

    steps = [token for token in workers.tokens if token in {"start", "stop"}]
    assert steps == ["start"] * 4 + ["stop"] * 4
    assert {result.outcome for result in results} == {Outcome.DONE}
    assert not old & {each.id for each in stage.engines["h1"].observe().containers}


class Spoiling(InlineWorkers):
    """One start finds no command in its image."""

    def __init__(self, sleep, start):
        super().__init__(sleep)
        self.start = start

    def open(self):
        batch = super().open()
        submit = batch.submit

        def spoilt(lane, token, work):
            submit(lane, token, broken if token == self.start else work)

        def broken():
            raise Unstartable("its command is not there")

        batch.submit = spoilt
        return batch


def test_what_was_put_off_stays_where_its_release_has_failed_meanwhile():
    stage = rolled_out()
    plan = stage.plan()
    second = [action.id for action in plan.actions if action.kind is Kind.START][1]

    results = stage.executor(Spoiling(stage.clock.sleep, second)).run(plan)

    assert {r.outcome for r in results if r.action.kind is Kind.STOP} == {Outcome.SKIPPED}
    up = [each for each in stage.fleet.worlds["h1"].containers.values() if each.up]
    assert sorted(each.image for each in up) == ["stub:1"] * 4 + ["stub:2"]
