"""Hooks, jobs and schedules: a world in, a plan out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from planner.builders import (
    COMMIT,
    NOW,
    app,
    container,
    kinds,
    seen,
    service,
    spec_of,
    steps,
    with_fields,
    world,
)

from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.model.app import Condition, Dependency, Hold, Port
from gitops_orch.model.job import Concurrency, CronFields, Hook, Hooks, Schedule, run_slot
from gitops_orch.model.observed import Details, EndedBy, Health, ObservedMount, State
from gitops_orch.model.plan.action import gate_to_pass
from gitops_orch.model.plan.kinds import Create
from gitops_orch.planner.hooks.pre_start import pre_start_services
from gitops_orch.planner.inputs.world import ContainerSpec, Due, Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import payloads

WARM, DRAIN, UP = Hook(command=("warm",)), Hook(command=("drain",)), Hook(command=("up",))
HOURLY = Schedule(
    expression="0 * * * *",
    fields=CronFields(minutes=(0,), hours=(), days=(), months=(), weekdays=()),
)
DONE = Details(exit_code=0)
HOUR = timedelta(hours=1)


def greeted(**more):
    return app("shop", service(post_start=(WARM,), pre_stop=(DRAIN,), **more))


def older(of):
    """A container of an earlier release, that tells of its own hooks."""
    label = {"gitops-orch.hooks": Hooks(pre_stop=(Hook(command=("leave",)),)).text()}
    return container(of, spec="old", release="earlier", labels=label, id="old")


def by_id(plan):
    return {action.id: action for action in plan.actions}


def test_the_gate_waits_for_the_commands_and_they_for_the_start():
    plan = make_plan(world(greeted()))
    *_, start, command, gate = plan.actions
    assert [each.kind.value for each in (start, command, gate)] == ["start", "exec", "wait_healthy"]
    assert command.after == (start.id,)
    assert gate.after == (command.id,)
    assert (command.payload.hook, command.reason) == (WARM, "post_start: warm")


def test_a_container_of_an_earlier_release_has_the_hooks_that_it_was_made_with():
    shop = greeted()
    plan = make_plan(world(shop, observed={"h1": seen("h1", older(shop), apps=(shop,))}))
    (told,) = [action for action in plan.actions if action.optional]
    assert told.payload.hook == Hook(command=("leave",))
    assert kinds(plan)[kinds(plan).index("stop") - 1] == "exec"


def test_a_container_that_stays_has_the_hooks_that_git_says():
    shop = greeted()
    stopped = container(shop, state=State.EXITED, details=DONE)
    plan = make_plan(world(shop, observed={"h1": seen("h1", stopped, apps=(shop,))}))
    assert kinds(plan) == ["start", "exec", "wait_healthy"]


def test_commands_are_run_again_only_where_nobody_knows_of_them():
    shop = greeted()
    there = {"h1": seen("h1", container(shop), apps=(shop,))}
    unproved = frozenset({shop.key})
    assert kinds(make_plan(world(shop, observed=there, ungated=unproved))) == ["exec", "wait_healthy"]
    known = frozenset({("h1", container(shop).name)})
    assert kinds(make_plan(world(shop, observed=there, ungated=unproved, post_start_done=known))) == [
        "wait_healthy"
    ]


def test_a_service_that_left_git_is_told_by_its_label():
    shop = app("shop", service("web"))
    gone = greeted()
    label = {"gitops-orch.hooks": Hooks(pre_stop=(DRAIN,)).text()}
    left = container(gone, labels=label)
    plan = make_plan(world(shop, observed={"h1": seen("h1", container(shop, "web"), left, apps=(shop,))}))
    assert kinds(plan) == ["exec", "stop", "remove"]


def test_a_label_that_another_hand_wrote_is_no_hook():
    shop = app("shop", service())
    odd = container(shop, "api", labels={"gitops-orch.hooks": '{"pre_stop": [{"comand": 1}]}'}, spec="old")
    plan = make_plan(world(shop, observed={"h1": seen("h1", odd, apps=(shop,))}))
    assert "exec" not in kinds(plan)


# -- pre_start


def prepared_world(shop, *containers, **fields):
    """A world in which the specs of what comes before are known too."""
    made = world(shop, observed={"h1": seen("h1", *containers, apps=(shop,))}, **fields)
    more = {
        (shop.key, shop.digest, each.name): ContainerSpec(hash=spec_hash(shop, each, salt="salt"))
        for of in shop.services
        for each in pre_start_services(of)
    }
    return with_fields(made, specs={**made.specs.by_service, **more})


def test_what_comes_before_is_over_before_the_old_one_stops():
    shop = app("shop", service(pre_start=(UP,), ports=(Port(target=80, published=80),)))
    plan = make_plan(prepared_world(shop, older(shop)))
    found = by_id(plan)
    (stop,) = [action for action in plan.actions if action.kind.value == "stop"]
    (ran,) = [action for action in plan.actions if action.kind.value == "run_job"]
    (start,) = [action for action in plan.actions if action.kind.value == "start"]
    assert ran.id in {*stop.after, *(each for before in stop.after for each in found[before].after)}
    assert {ran.id, stop.id} <= set(start.after)
    assert steps(plan, "remove")[-1][2] == ran.name


def test_what_comes_before_has_no_ports_and_no_names_of_its_service():
    shop = app(
        "shop",
        service(
            pre_start=(UP,),
            ports=(Port(target=80, published=80),),
            container_name="fixed",
            compose={"ports": [{}], "labels": {"a": "b"}, "healthcheck": {"test": ["x"]}, "user": "7"},
        ),
    )
    (made,) = [
        create.container.service
        for create in payloads(make_plan(prepared_world(shop)), Create)
        if create.container.service.name == "api.pre_start.1"
    ]
    assert (made.ports, made.container_name, made.job) == ((), None, True)
    assert not {"ports", "labels"} & set(made.compose)
    assert (made.compose["command"], made.compose["user"]) == (["up"], "7")
    assert made.compose["healthcheck"] == {"disable": True}


def test_what_prepares_a_container_that_was_never_started_joins_what_that_one_joins():
    shop = app(
        "shop",
        service("api"),
        service("web", pre_start=(UP,), compose={"network_mode": "service:api"}),
    )
    api = container(shop, "api", id="the-api")
    made = container(shop, "web", state=State.CREATED, details=Details(joined=("the-api",)))
    (prepares,) = payloads(make_plan(prepared_world(shop, api, made)), Create)
    assert prepares.container.service.name == "web.pre_start.1"
    assert prepares.container.peers == {"api": "the-api"}


def test_what_prepares_and_was_paused_by_a_hand_is_made_anew():
    shop = app("shop", service(pre_start=(UP,)))
    (each,) = pre_start_services(shop.services[0])
    made = container(shop, state=State.CREATED)
    first = prepared_world(shop, made)
    spec = first.specs.by_service[(shop.key, shop.digest, each.name)].hash
    half = container(replace(shop, services=(each,)), each.name, spec=spec, id="half")
    going_on, anew = (
        make_plan(prepared_world(shop, made, replace(half, state=state)))
        for state in (State.RUNNING, State.PAUSED)
    )
    assert "half" in {a.target for a in going_on.actions if a.kind.value == "run_job"}
    assert "half" not in {a.target for a in anew.actions if a.kind.value == "run_job"}
    assert {"stop", "remove"} <= {a.kind.value for a in anew.actions if a.target == "half"}


# -- jobs


def test_nothing_that_waits_for_a_job_is_touched_before_it_has_ended_well():
    migrate = service("migrate", job=True)
    web = service("web", depends_on=(Dependency(service="migrate", condition=Condition.COMPLETED),))
    shop = app("shop", migrate, web)
    plan = make_plan(world(shop))
    (ran,) = [action.id for action in plan.actions if action.kind.value == "run_job"]
    (start,) = [action for action in plan.actions if action.kind.value == "start"]
    assert ran in start.after


@pytest.mark.parametrize(
    ("past", "elder"),
    [({"progressing": frozenset({"r1"})}, False), ({"failed": {"r1": "it failed"}}, False), ({}, True)],
    ids=["never proved", "failed", "stable"],
)
def test_a_job_that_hangs_fails_the_next_release_too_unless_it_was_one_of_a_stable_release(past, elder):
    web = service("web", depends_on=(Dependency(service="migrate", condition=Condition.COMPLETED),))
    shop = app("shop", service("migrate", job=True), web)
    hangs = container(shop, "migrate", release="r1")
    known = {name: {shop.key: digests} for name, digests in past.items()}
    plan = make_plan(world(shop, observed={"h1": seen("h1", hangs, apps=(shop,))}, **known))
    (gate,) = [gate for each in plan.actions if each.target == hangs.id and (gate := gate_to_pass(each))]
    assert gate.is_existing is elder


def test_a_release_that_was_stable_runs_no_job():
    shop = app("shop", service("load", job=True))
    assert kinds(make_plan(world(shop)))[-1] == "run_job"
    assert make_plan(world(shop, stable_heads=frozenset({shop.key}))).actions == ()
    back = TargetRelease(app=shop, commit=COMMIT, role=Role.ROLLBACK)
    assert make_plan(world(targets=(back,))).actions == ()


def test_the_record_of_a_job_of_another_release_stays_when_a_release_comes_back():
    shop = app("shop", service("load", job=True))
    record = container(shop, "load", spec="newer", state=State.EXITED, details=DONE)
    observed = {"h1": seen("h1", record, apps=(shop,))}
    assert make_plan(world(shop, observed=observed, stable_heads=frozenset({shop.key}))).actions == ()


# -- schedules


def scheduled(**fields):
    return app("shop", service("backup", schedule=replace(HOURLY, **fields), job=True))


def run_of(shop, at, **fields):
    slot = run_slot(at)
    return container(
        shop, "backup", slot, **{"id": f"run-{slot}", "state": State.EXITED, "details": DONE, **fields}
    )


def due_now(shop, *runs, **fields):
    due = {(shop.key, "backup"): Due(**{"at": NOW, "shown": "now", "is_wanted": True, **fields})}
    return make_plan(world(shop, observed={"h1": seen("h1", *runs, apps=(shop,))}, due=due))


def test_a_scheduled_service_has_no_containers_of_its_own():
    assert make_plan(world(scheduled())).actions == ()


def test_a_due_run_is_made_and_started_and_nothing_waits_for_it():
    plan = due_now(scheduled())
    assert kinds(plan) == ["create", "start"]
    assert plan.actions[0].slot == run_slot(NOW)
    assert plan.actions[1].reason == "scheduled for now"


def test_a_late_run_is_told_and_not_made():
    plan = due_now(scheduled(), is_too_late=True)
    assert plan.actions == ()
    assert "missed" in plan.holds[0].reason


def test_a_run_that_was_made_and_never_started_is_started():
    shop = scheduled()
    begun = run_of(shop, NOW, state=State.CREATED)
    assert kinds(due_now(shop, begun, is_wanted=False)) == ["start"]
    assert kinds(due_now(shop, run_of(shop, NOW - HOUR, state=State.CREATED))) == [
        "remove",
        "create",
        "start",
    ]


def test_what_was_made_for_a_time_whose_run_is_over_elsewhere_is_removed_and_no_reason_to_run_again():
    shop = scheduled()
    left = run_of(shop, NOW, state=State.CREATED)
    assert kinds(due_now(shop, left, is_wanted=False, has_run=True)) == ["remove"]


def test_of_several_that_were_made_for_one_time_the_one_that_is_still_right_is_started():
    shop = scheduled()
    right = replace(run_of(shop, NOW, id="right", state=State.CREATED), name="z")
    outdated = replace(run_of(shop, NOW, id="outdated", state=State.CREATED, spec="older"), name="a")
    plan = due_now(shop, outdated, right)
    assert {(action.kind.value, action.target) for action in plan.actions} >= {("start", "right")}
    assert "create" not in kinds(plan)


def test_a_run_that_could_not_be_started_for_its_own_sake_is_over():
    shop = scheduled()
    failed = run_of(shop, NOW, state=State.CREATED, details=Details(exit_code=127, error="no such file"))
    assert due_now(shop, failed, is_wanted=False).actions == ()


def test_runs_under_way_decide_by_the_overlap_policy():
    for policy, expected in (
        (Concurrency.FORBID, []),
        (Concurrency.ALLOW, ["create", "start"]),
        (Concurrency.REPLACE, ["create", "stop", "start"]),
    ):
        shop = scheduled(concurrency=policy)
        assert kinds(due_now(shop, run_of(shop, NOW - HOUR, state=State.RUNNING))) == expected


def test_the_oldest_finished_runs_go():
    shop = scheduled(history=2)
    runs = [run_of(shop, NOW - number * HOUR) for number in range(1, 5)]
    plan = due_now(shop, *runs, is_wanted=False)
    assert {action.target for action in plan.actions} == {runs[2].id, runs[3].id}


def test_a_run_is_stopped_at_its_deadline_and_not_before():
    shop = scheduled(deadline_s=600.0)
    for seconds, expected in ((599, []), (600, ["stop"])):
        details = Details(started_at=NOW - timedelta(seconds=seconds))
        run = run_of(shop, NOW - HOUR, state=State.RUNNING, details=details, health=Health.NONE)
        assert kinds(due_now(shop, run, is_wanted=False)) == expected


def test_a_held_or_failed_app_begins_no_run():
    shop = scheduled()
    due = {(shop.key, "backup"): Due(at=NOW, shown="now", is_wanted=True)}
    stuck = TargetRelease(app=shop, commit=COMMIT, role=Role.BLOCKED, reason="failed")
    assert make_plan(world(targets=(stuck,), due=due)).actions == ()


# -- jobs and preparations that were stopped from outside


@pytest.mark.parametrize("by", [EndedBy.DAEMON, EndedBy.REQUEST])
def test_a_job_that_was_stopped_is_run_again_though_its_program_ended_with_0(by):
    shop = app("shop", service("load", job=True))
    stopped = container(shop, "load", state=State.EXITED, details=Details(ended_by=by))
    old = container(shop, "load", spec="old", release="earlier", state=State.EXITED, details=DONE, id="old")
    plan = make_plan(world(shop, observed={"h1": seen("h1", stopped, old, apps=(shop,))}))
    assert kinds(plan) == ["run_job", "remove"]


@pytest.mark.parametrize("code", [0, 143])
def test_a_job_of_a_stable_release_is_not_run_again_whoever_stopped_its_record(code):
    web = service("web", depends_on=(Dependency(service="load", condition=Condition.COMPLETED),))
    shop = app("shop", service("load", job=True), web)
    details = Details(exit_code=code, ended_by=EndedBy.DAEMON)
    record = container(shop, "load", release="another", state=State.EXITED, details=details)
    observed = {"h1": seen("h1", record, apps=(shop,))}
    plan = make_plan(world(shop, observed=observed, stable_heads=frozenset({shop.key})))
    assert {action.service for action in plan.actions} == {"web"}  # which does not wait for it either


def test_what_a_job_replaced_goes_without_another_look_at_a_job_that_is_over():
    """An Engine that has restarted since would say that it stopped the job."""
    shop = app("shop", service("load", job=True))
    done = container(shop, "load", state=State.EXITED, details=replace(DONE, ended_by=EndedBy.ITSELF))
    old = container(shop, "load", spec="old", release="earlier", state=State.EXITED, details=DONE, id="old")
    plan = make_plan(world(shop, observed={"h1": seen("h1", done, old, apps=(shop,))}))
    assert steps(plan) == [("remove", "h1", old.name)]


@pytest.mark.parametrize("by", [EndedBy.DAEMON, EndedBy.REQUEST])
def test_a_preparation_that_was_stopped_is_run_again_though_its_program_ended_with_0(by):
    shop = app("shop", service(pre_start=(UP,)))
    (each,) = pre_start_services(shop.services[0])
    made = container(shop, state=State.CREATED)
    spec = prepared_world(shop, made).specs.by_service[(shop.key, shop.digest, each.name)].hash
    half = container(replace(shop, services=(each,)), each.name, spec=spec, id="half", state=State.EXITED)
    plan = make_plan(prepared_world(shop, made, replace(half, details=Details(ended_by=by))))
    assert "half" in {a.target for a in plan.actions if a.kind.value == "run_job"}


@pytest.mark.parametrize("role", [Role.ROLLBACK, Role.HEAD])
def test_going_back_waits_for_the_end_of_a_preparation_that_is_still_at_work(role):
    """Both write the data of the service: also where the release of the preparation failed for another reason."""
    before, after = app("shop", service(pre_start=(UP,)), digest="before"), app(digest="after")
    (each,) = pre_start_services(before.services[0])
    half = container(replace(before, services=(each,)), each.name, id="half", release="bad")
    old = container(before, id="old", state=State.EXITED, details=DONE)
    back = TargetRelease(app=before, commit=COMMIT, role=role)
    the_world = world(targets=(back,), observed={"h1": seen("h1", half, old, apps=(before,))})
    failed = {after.key: {"bad": "it exited"}}
    plan = make_plan(with_fields(the_world, failed=failed))
    (stop,) = [action.id for action in plan.actions if action.kind.value == "stop"]
    (start,) = [action for action in plan.actions if action.kind.value == "start"]
    assert comes_after(plan, start.id, stop)


def comes_after(plan, later, earlier):
    """Tell whether a step of a plan waits for another one, or for one that does."""
    waits = by_id(plan)[later].after
    return earlier in waits or any(comes_after(plan, each, earlier) for each in waits)


# -- what served before


def waiting_with(stopped, *others, begun=(), failures=()):
    """The starts of a plan for an app that waits after trouble, while what it ran before is stopped."""
    after = app("shop", service(compose={"environment": {"A": "2"}}))
    trouble = Hold(reason="start: no route to host", until=NOW)
    observed = {"h1": seen("h1", stopped, *others, apps=(after,))}
    begun = {after.key: frozenset(begun)}
    failures = {after.key: dict.fromkeys(failures, "it failed")}  # and none is given up: all stay up
    fields = {"backoffs": {after.key: trouble}, "progressing": begun, "failed_or_running": failures}
    plan = make_plan(world(after, observed=observed, **fields))
    return [action.target for action in plan.actions if action.kind.value == "start"]


@pytest.mark.parametrize("details", [Details(exit_code=137, oom_killed=True), Details(exit_code=1)])
def test_what_ended_badly_and_was_never_proved_is_not_put_back(details):
    stopped = container(app(), release="earlier", id="old", state=State.EXITED, details=details)
    assert waiting_with(stopped, begun=["earlier"]) == []
    assert waiting_with(stopped, failures=["earlier"]) == []
    assert waiting_with(stopped) == ["old"]  # of a stable release


def test_what_its_own_program_killed_is_not_put_back_and_what_a_hand_killed_is():
    killed = container(app(), release="earlier", id="old", state=State.EXITED)
    itself, hand = (
        replace(killed, details=Details(exit_code=137, ended_by=by))
        for by in (EndedBy.ITSELF, EndedBy.REQUEST)
    )
    assert waiting_with(itself, begun=["earlier"]) == []
    assert waiting_with(hand, begun=["earlier"]) == ["old"]


@pytest.mark.parametrize(
    ("kind", "source"), [("volume", "shop_data"), ("bind", "/srv/shop"), ("volume", "elsewhere")]
)
def test_what_served_before_is_not_put_back_while_a_preparation_writes_its_data(kind, source):
    mount = ObservedMount(kind=kind, source=source, target="/data", writable=True)
    old = container(app(), release="earlier", id="old", state=State.EXITED, details=DONE, mounts=(mount,))
    shares = source != "elsewhere"
    prepares = container(app("shop", service("api.pre_start.1")), "api.pre_start.1", id="prepares")
    theirs = replace(prepares, mounts=(mount if shares else replace(mount, source="another"),))
    assert waiting_with(old, theirs) == ([] if shares else ["old"])
    assert waiting_with(old, replace(theirs, state=State.EXITED)) == ["old"]


@pytest.mark.parametrize("details", [Details(exit_code=137, ended_by=EndedBy.REQUEST), Details(exit_code=1)])
@pytest.mark.parametrize("policy", ["no", "always"])
def test_a_failed_release_that_stays_up_starts_nothing_beside_what_serves_in_its_place(details, policy):
    """So it is where history was lost: the container that failed is recognised, and that it went back is not known."""
    shop = app()
    failed = container(shop, id="failed", state=State.EXITED, details=replace(details, restart_policy="no"))
    failed = replace(failed, name=f"{failed.name}-failed")
    serves = container(shop, id="serves", spec="other", release="earlier")
    up = TargetRelease(app=shop, commit=COMMIT, stays_running=True, reason="it failed")
    the_world = world(targets=(up,), observed={"h1": seen("h1", failed, serves, apps=(shop,))})
    spec = ContainerSpec(hash=spec_of(shop, "api").hash, restart_policy=policy)
    plan = make_plan(with_fields(the_world, specs={(shop.key, shop.digest, "api"): spec}))
    assert plan.actions == ()
