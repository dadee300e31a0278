"""Apps that build on others wait for them with what Git has new, and are healed at what they run."""

from itertools import pairwise

import pytest

from gitops_orch.model.app import AppKey, Dependency, Hold, Port, RolloutPolicy
from gitops_orch.model.observed import Health, State, UnknownHost
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.status import app_statuses
from tests.planner.builders import (
    COMMIT,
    app,
    container,
    replace,
    seen,
    service,
    spec_of,
    steps,
    with_fields,
    world,
)

DB_KEY = AppKey(namespace="default", name="db")
NEW = {"command": ["new"]}
DB = app("db", service("db"), digest="db-1")
OLD = app("shop", service("web"), digest="old", depends_on=(DB_KEY,))
SHOP = app("shop", service("web", compose=NEW), digest="new", depends_on=(DB_KEY,))
BLOG = app("blog", service("web", compose=NEW), digest="new", depends_on=(SHOP.key,))


def world_with(*containers, targets=(), observed=None, **fields):
    there = {"h1": seen("h1", *containers, apps=(DB, SHOP))} if observed is None else observed
    apps = {
        each.app.key: each
        for each in (TargetRelease(app=DB, commit=COMMIT), TargetRelease(app=SHOP, commit=COMMIT))
    }
    apps |= {each.app.key: each for each in targets}
    older = TargetRelease(app=OLD, commit="b" * 40, role=Role.WAITING)
    made = world(observed=there, targets=tuple(apps.values()), **{"running": {SHOP.key: older}, **fields})
    specs = {(each.key, each.digest, s.name): spec_of(each, s.name) for each in (OLD,) for s in each.services}
    return with_fields(made, specs={**made.specs.by_service, **specs})


def row(there, name="shop"):
    return next(row for row in app_statuses(there, make_plan(there)) if row.key.name == name)


def of_shop(there):
    return [a.kind.value for a in make_plan(there).actions if a.app == SHOP.key]


TROUBLES = {
    "is rolled back": (
        {"targets": (TargetRelease(app=DB, commit="b" * 40, role=Role.ROLLBACK),)},
        "was rolled back",
    ),
    "waits for an app itself": (
        {
            "targets": (
                TargetRelease(
                    app=DB,
                    commit="b" * 40,
                    role=Role.WAITING,
                    reason="waits for default/disk, which went back",
                    waits_for=AppKey(namespace="default", name="disk"),
                ),
            )
        },
        "waits for default/disk",
    ),
    "has a port that is taken": (
        {
            "targets": (
                TargetRelease(app=DB, commit="b" * 40, role=Role.WAITING, reason="host port 1 is taken"),
            )
        },
        "cannot be started yet",
    ),
    "has failed": ({"targets": (TargetRelease(app=DB, commit=COMMIT, role=Role.BLOCKED),)}, "failed"),
    "is pinned": ({"targets": (TargetRelease(app=DB, commit="b" * 40, role=Role.PINNED),)}, "is pinned"),
    "is held": ({"holds": {DB_KEY: Hold(reason="moving")}}, "is held"),
    "waits after trouble": (
        {"backoffs": {DB_KEY: Hold(reason="registry is down", until=world().now)}},
        "cannot be repaired",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_app_is_not_rolled_out_while_what_it_depends_on(trouble):
    fields, why = TROUBLES[trouble]
    there = world_with(container(DB, "db"), container(OLD, "web"), **fields)
    assert of_shop(there) == []
    assert f"waits for default/db, which {why}" in row(there).reason
    assert (row(there).sync.value, row(there).health.value) == ("held", "healthy")
    assert row(there).commit == COMMIT
    assert row(there).release == "old"


@pytest.mark.parametrize("health", [Health.UNHEALTHY, Health.STARTING])
def test_what_it_depends_on_must_do_well(health):
    there = world_with(container(DB, "db", health=health), container(OLD, "web"))
    assert of_shop(there) == []
    assert f"is not healthy ({container(DB, 'db').name} on h1 is {health.value})" in row(there).reason


def test_an_app_on_a_host_that_is_silent_is_waited_for():
    away = {
        "h1": seen("h1", container(OLD, "web"), apps=(SHOP,)),
        "h2": UnknownHost(name="h2", reason="silent"),
    }
    db = replace(DB, placement=replace(DB.placement, hosts=("h2",)))
    there = world_with(observed=away, targets=(TargetRelease(app=db, commit=COMMIT),))
    assert of_shop(there) == []
    assert "is on a host that does not answer" in row(there).reason


def test_a_file_with_mistakes_is_waited_for():
    there = world_with(container(OLD, "web"), invalid_apps={DB_KEY: "mistakes"})
    there = with_fields(
        there, targets=tuple(each for each in there.releases.targets if each.app.key != DB_KEY)
    )
    assert of_shop(there) == []
    assert "which cannot be read" in row(there).reason


def test_what_is_rolled_out_in_the_same_commit_comes_first_and_is_not_waited_for_twice():
    older = container(DB, "db", spec="older", release="db-0")
    plan = make_plan(world_with(older, container(OLD, "web")))
    proof = next(a for a in plan.actions if a.kind is Kind.WAIT_HEALTHY and a.app == DB_KEY)
    start = next(a for a in plan.actions if a.kind is Kind.START and a.app == SHOP.key)
    assert proof.id in start.after
    assert plan.holds == ()


def test_an_app_that_waits_is_healed_at_the_release_that_it_runs():
    gone_back = (TargetRelease(app=DB, commit="b" * 40, role=Role.ROLLBACK),)
    there = world_with(container(DB, "db"), container(OLD, "web", state=State.EXITED), targets=gone_back)
    assert of_shop(there) == ["start", "wait_healthy"]
    there = world_with(container(DB, "db"), targets=gone_back)
    made = [a for a in make_plan(there).actions if a.kind is Kind.CREATE]
    assert [(a.release, a.payload.container.commit) for a in made] == [("old", "b" * 40)]


def test_an_app_that_runs_nothing_yet_stays_so():
    held = {DB_KEY: Hold(reason="moving")}
    there = world_with(container(DB, "db"), holds=held, running={})
    assert make_plan(there).actions == ()
    assert row(there).health.value == "missing"


def test_an_app_that_was_stable_as_git_says_is_made_again_though_all_of_it_was_removed():
    held = {DB_KEY: Hold(reason="moving")}
    there = world_with(container(DB, "db"), holds=held, running={}, stable_heads=frozenset({SHOP.key}))
    assert "start" in of_shop(there)


def test_an_app_that_is_what_git_says_is_healed_as_ever():
    there = world_with(
        container(DB, "db"), container(SHOP, "web", state=State.EXITED), holds={DB_KEY: Hold(reason="moving")}
    )
    assert of_shop(there) == ["start", "wait_healthy"]


def test_waiting_is_passed_on():
    older = app("blog", service("web"), digest="old", depends_on=(SHOP.key,))
    there = world_with(
        container(DB, "db"),
        container(OLD, "web"),
        container(older, "web"),
        targets=(TargetRelease(app=BLOG, commit=COMMIT),),
        holds={DB_KEY: Hold(reason="moving")},
    )
    assert make_plan(there).actions == ()
    assert row(there, "blog").reason == "waits for default/shop, which waits for default/db"


# -- the way out

CACHE = service("cache")
API = service("api", depends_on=(Dependency(service="cache"),))
EDGE = service("edge", depends_on=(Dependency(service="api"),))


def order_of(plan, kind="stop"):
    return [name.split("-")[1] for _, _, name in steps(plan, kind)]


def all_before(plan, action):
    actions = {each.id: each for each in plan.actions}
    found, waiting = set(), [action]
    while waiting:
        for before in waiting.pop().after:
            found.add(before)
            waiting.append(actions[before])
    return found


def chain(plan, *names):
    """Whether what is of each name stops only after what is of the name before it is gone."""
    stops = {a.service: a for a in plan.actions if a.kind is Kind.STOP}
    removals = {a.service: a.id for a in plan.actions if a.kind is Kind.REMOVE}
    return all(removals[above] in all_before(plan, stops[below]) for above, below in pairwise(names))


def test_an_app_that_left_git_goes_in_reverse_order_of_its_dependencies():
    left = app("left", CACHE, API, EDGE)
    running = [container(left, each.name) for each in left.services]
    observed = {"h1": seen("h1", *running, container(DB, "db"), apps=(left, DB))}
    plan = make_plan(world(DB, observed=observed, former={left.key: left}))
    assert chain(plan, "edge", "api", "cache")


def test_apps_that_left_git_go_in_reverse_order_of_their_dependencies():
    base = app("base", service("base"))
    top = app("atop", service("top"), depends_on=(base.key,))
    observed = {"h1": seen("h1", container(base, "base"), container(top, "top"), container(DB, "db"))}
    plan = make_plan(world(DB, observed=observed, former={base.key: base, top.key: top}))
    assert chain(plan, "top", "base")


def test_the_reason_of_a_removal_names_the_pattern_that_leaves_the_app_out():
    observed = {"h1": seen("h1", container(DB, "db"))}
    plan = make_plan(world(observed=observed, former={DB_KEY: DB}, left_out={DB_KEY: ".gitops-ignore:2"}))
    stop = next(a for a in plan.actions if a.kind is Kind.STOP and a.app == DB_KEY)
    assert "its app is left out by .gitops-ignore:2" in stop.reason


def left_behind(**fields):
    """DB left Git, and so did the shop's need of it."""
    free = replace(SHOP, depends_on=())
    observed = {"h1": seen("h1", container(DB, "db"), container(OLD, "web"), apps=(DB, SHOP))}
    older = TargetRelease(app=OLD, commit="b" * 40, role=Role.WAITING)
    targets = fields.pop("targets", (TargetRelease(app=free, commit=COMMIT),))
    return world(observed=observed, targets=targets, former={DB_KEY: DB}, running={SHOP.key: older}, **fields)


def test_what_was_depended_on_goes_once_the_others_have_proved_that_they_do_without():
    plan = make_plan(left_behind())
    stop = next(a for a in plan.actions if a.kind is Kind.STOP and a.app == DB_KEY)
    proof = next(a for a in plan.actions if a.kind is Kind.WAIT_HEALTHY and a.app == SHOP.key)
    assert proof.id in stop.after


def test_it_is_kept_while_another_stays_at_a_release_that_depends_on_it():
    for fields in (
        {"holds": {SHOP.key: Hold(reason="later")}},
        {"targets": (TargetRelease(app=OLD, commit="b" * 40, role=Role.ROLLBACK, reason="went back"),)},
    ):
        plan = make_plan(left_behind(**fields))
        assert not [a for a in plan.actions if a.app == DB_KEY]
        assert any(
            "is kept while default/shop runs a release that depends on it" in h.reason for h in plan.holds
        )


def test_services_that_left_git_go_in_reverse_order_too():
    web = service("web")
    before, after = app("left", web, CACHE, API, EDGE, digest="old"), app("left", web, digest="new")
    running = [container(before, each.name) for each in before.services]
    older = {before.key: TargetRelease(app=before, commit="b" * 40, role=Role.WAITING)}
    plan = make_plan(world(after, observed={"h1": seen("h1", *running, apps=(after,))}, running=older))
    assert chain(plan, "edge", "api", "cache")


def test_services_that_move_leave_their_old_host_in_reverse_order():
    stays = app("moves", CACHE, API, EDGE)
    moves = replace(stays, placement=replace(stays.placement, hosts=("h2",)))
    there = seen("h1", *(container(stays, each.name) for each in stays.services), apps=(stays,))
    plan = make_plan(world(moves, observed={"h1": there, "h2": seen("h2")}))
    assert chain(plan, "edge", "api", "cache")
    proofs = {a.id for a in plan.actions if a.kind is Kind.WAIT_HEALTHY}
    stop = next(a for a in plan.actions if a.kind is Kind.STOP and a.service == "cache")
    assert len(proofs) == 3
    assert proofs <= all_before(plan, stop)


@pytest.mark.parametrize("half_moved", [False, True])
@pytest.mark.parametrize(
    "policy",
    [
        RolloutPolicy(surge_max=1),
        RolloutPolicy(surge_max=2, unavailable_max=2),
        RolloutPolicy(canary=1, surge_max=1),
    ],
)
def test_with_a_surge_what_moves_is_stopped_only_once_its_successor_is_healthy(policy, half_moved):
    many = replace(CACHE, replicas=3)
    stays = app("moves", many, API, EDGE, rollout=policy, digest="old")
    changed = replace(many, compose={**many.compose, "environment": {"A": "2"}})
    moves = app("moves", changed, API, EDGE, rollout=policy, digest="new")
    moves = replace(moves, placement=replace(moves.placement, hosts=("h2",)))
    running = [container(stays, "cache", slot=slot) for slot in (1, 2, 3)]
    there = seen("h1", *running, container(stays, "api"), container(stays, "edge"), apps=(stays,))
    here = [replace(each, id=f"{each.id}-h2") for each in running] if half_moved else []
    plan = make_plan(world(moves, observed={"h1": there, "h2": seen("h2", *here, apps=(stays,))}))
    assert plan.holds == ()
    stops = [each for each in plan.actions if each.kind is Kind.STOP]
    assert stops
    for stop in stops:
        proofs = {
            each.id
            for each in plan.actions
            if each.kind is Kind.WAIT_HEALTHY and (each.service, each.slot) == (stop.service, stop.slot)
        }
        assert proofs <= all_before(plan, stop)


def test_a_service_that_left_git_gives_its_port_to_its_successor_before_others_go():
    port = (("0.0.0.0", 80, "tcp"),)
    before = app("left", CACHE, API, digest="old")
    after = app("left", service("new", ports=(Port(target=80, published=80),)), digest="new")
    running = (container(before, "cache", ports=port), container(before, "api"))
    older = {before.key: TargetRelease(app=before, commit="b" * 40, role=Role.WAITING)}
    plan = make_plan(world(after, observed={"h1": seen("h1", *running, apps=(after,))}, running=older))
    assert plan.holds == ()
    assert order_of(plan) == ["cache", "api"]
