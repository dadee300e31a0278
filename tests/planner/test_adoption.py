"""What an app takes over keeps its data, its name and its ports; where the data is cannot always be told."""

import json

import pytest
from planner.builders import app, container, foreign, host, kinds, replace, seen, service, steps, world

from gitops_orch.model.app import AppKey, FileEntry, FileMount, Placement, Port, Volume
from gitops_orch.model.observed import (
    Details,
    Health,
    ObservedMount,
    ObservedVolume,
    Placed,
    State,
    UnknownHost,
)
from gitops_orch.model.plan.action import intent_of
from gitops_orch.model.plan.kinds import Create, CreateVolume, Kind, PutFiles, RecordFiles
from gitops_orch.model.sensitive.secret import Sensitive
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import payloads

KEY = AppKey(namespace="default", name="shop")
STORE = Volume(key="store", name="shop_store")


def mount(source, target="/data", *, writable=True):
    kind = "bind" if source.startswith("/") else "volume"
    return ObservedMount(kind=kind, source=source, target=target, writable=writable)


def relative(path="./data", target="/data", *, content=b""):
    entries = (FileEntry(path="f", mode=0o644, content=Sensitive(content)),) if content else ()
    return FileMount(target=target, entries=entries, directory=True, secret=False, writable_path=path)


def entry(source, target="/data", kind="volume", **more):
    return {"type": kind, "source": source, "target": target, **more}


def database(*files, volumes=(), **fields):
    compose = {"volumes": list(volumes)} if volumes else {}
    keys = tuple(each["source"] for each in volumes if each["type"] == "volume")
    return service("db", files=files, writable=True, compose=compose, volumes=keys, **fields)


def shop_of(*services, volumes=(), **fields):
    return replace(app("shop", *services, adopt=True, **fields), volumes=tuple(volumes))


def composed(*mounts, name="shop-db-1", number="1", project="shop", **fields):
    labels = {"com.docker.compose.service": "db", "com.docker.compose.container-number": number}
    labels |= {"com.docker.compose.oneoff": "False", **fields.pop("labels", {})}
    return foreign(name, project=project, mounts=tuple(mounts), labels=labels, **fields)


def planned(shop, *containers, **fields):
    return make_plan(world(shop, observed={"h1": seen("h1", *containers, apps=(shop,), **fields)}))


def kept(plan):
    return {create.container.name: dict(create.container.kept_mounts) for create in payloads(plan, Create)}


def only_kept(plan):
    (sources,) = kept(plan).values()
    return sources


OLD = "/opt/stacks/shop/data"


def test_a_relative_bind_stays_where_the_old_container_has_it():
    plan = planned(shop_of(database(relative())), composed(mount(OLD)))
    assert only_kept(plan) == {"/data": OLD}
    (create,) = [each for each in plan.actions if intent_of(each)]
    assert create.reason.endswith(f"keeps {OLD} at /data")
    assert "put_files" not in kinds(plan)


def test_what_is_in_git_of_it_is_brought_to_where_the_old_container_has_it():
    plan = planned(shop_of(database(relative(content=b"x"))), composed(mount(OLD)))
    (put,) = [each.files for each in payloads(plan, PutFiles | RecordFiles)]
    assert put.writable_path == OLD


def test_a_volume_of_another_project_stays_and_no_empty_one_is_made():
    shop = shop_of(database(volumes=[entry("store")]), volumes=[STORE])
    plan = planned(shop, composed(mount("portainer_store")))
    assert only_kept(plan) == {"/data": "portainer_store"}
    assert ("create_volume", "h1", "shop_store") not in steps(plan)


def test_a_volume_that_has_the_name_that_we_would_give_needs_no_word():
    shop = shop_of(database(volumes=[entry("store")]), volumes=[STORE])
    plan = planned(shop, composed(mount("shop_store")), volumes=(ObservedVolume(name="shop_store"),))
    assert only_kept(plan) == {}


def test_where_the_data_is_outlives_every_container():
    shop = shop_of(database(relative()))
    first = planned(shop, composed(mount(OLD)))
    (record,) = [each.volume for each in payloads(first, CreateVolume)]
    seen_record = ObservedVolume(name=record.name, owner=KEY, labels=record.compose["labels"])
    assert only_kept(planned(replace(shop, adopt=False), volumes=(seen_record,))) == {"/data": OLD}


@pytest.mark.parametrize("suffix", ["", "-by-hand", "-kept"])
def test_a_later_release_keeps_what_the_label_of_the_former_one_says(suffix):
    before = shop_of(database(relative()))
    after = shop_of(database(relative(), image="stub:2"))
    there = container(before, "db", labels={"gitops-orch.mounts": json.dumps({"/data": OLD})})
    state = State.EXITED if suffix else State.RUNNING
    there = replace(there, name=f"{there.name}{suffix}", state=state)
    assert only_kept(planned(after, there)) == {"/data": OLD}


def test_a_further_replica_mounts_what_the_first_one_has():
    shop = shop_of(database(relative(), replicas=2))
    there = container(shop, "db", labels={"gitops-orch.mounts": json.dumps({"/data": OLD})})
    assert only_kept(planned(shop, there)) == {"/data": OLD}


def test_a_path_that_git_names_later_is_taken_at_its_word():
    shop = shop_of(database(volumes=[entry("/srv/new", kind="bind")]))
    there = container(shop, "db", spec="0" * 64, labels={"gitops-orch.mounts": json.dumps({"/data": OLD})})
    assert only_kept(planned(shop, there)) == {}


CONFLICTS = {
    "another path": ([entry("/srv/data", kind="bind")], (), [mount(OLD)], (OLD, "/srv/data")),
    "a volume where a path was": ([entry("store")], (), [mount(OLD)], (OLD, "shop_store")),
    "a path where a volume was": ([], (relative(),), [mount("foo_store")], ("foo_store", "./data")),
    "nothing any more": ([], (), [mount(OLD)], (OLD, "mounts nothing there")),
    "a volume where an anonymous one was": ([entry("store")], (), [mount("a" * 64)], ("aaaa", "shop_store")),
    "memory": ([{"type": "tmpfs", "target": "/data"}], (), [mount(OLD)], (OLD, "a tmpfs")),
    "another named volume": ([entry("named")], (), [mount("foo_store")], ("foo_store", "mine")),
}


@pytest.mark.parametrize("case", CONFLICTS, ids=str)
def test_where_git_says_something_else_it_is_held_with_both_places(case):
    volumes, files, mounts, words = CONFLICTS[case]
    named = Volume(key="named", name="mine")
    shop = shop_of(database(*files, volumes=volumes), volumes=[STORE, named])
    plan = planned(shop, composed(*mounts))
    assert plan.actions == ()
    assert plan.holds[0].error
    assert [word for word in words if word not in plan.holds[0].reason] == []


def test_two_old_containers_with_their_data_in_two_places_are_held():
    plan = planned(
        shop_of(database(relative())),
        composed(mount("/a")),
        composed(mount("/b"), name="shop-db-2", number="2"),
    )
    assert plan.actions == ()
    assert "/a" in plan.holds[0].reason
    assert "/b" in plan.holds[0].reason


def test_two_old_containers_with_the_same_data_give_way_to_one():
    plan = planned(
        shop_of(database(relative())),
        composed(mount(OLD)),
        composed(mount(OLD), name="shop-db-2", number="2"),
    )
    assert only_kept(plan) == {"/data": OLD}
    assert set(steps(plan, "stop")) == {("stop", "h1", "shop-db-1"), ("stop", "h1", "shop-db-2")}


@pytest.mark.parametrize(
    "harmless",
    [mount("/conf", writable=False), mount("/var/run/docker.sock", "/sock"), mount("/dev/dri", "/dev/dri")],
)
def test_what_holds_no_data_is_in_nobodys_way(harmless):
    assert "create" in kinds(planned(shop_of(database(relative())), composed(mount(OLD), harmless)))


def test_its_own_port_is_in_nobodys_way_and_free_before_the_new_one_starts():
    shop = shop_of(database(relative(), ports=(Port(target=80, published=8080),)))
    plan = planned(shop, composed(mount(OLD), ports=(("0.0.0.0", 8080, "tcp"),)))
    order = [each.kind.value for each in plan.actions]
    assert plan.holds == ()
    assert order.index("stop") < order.index("start")


def test_a_container_of_docker_run_is_known_by_its_name_and_serves_on_should_the_new_one_fail():
    shop = shop_of(database(relative(), container_name="pg"))
    plan = planned(shop, foreign("pg", mounts=(mount(OLD),)))
    assert only_kept(plan) == {"/data": OLD}
    order = [each.kind.value for each in plan.actions]
    assert order.index("rename") < order.index("create") < order.index("stop") < order.index("start")
    assert order[-1] == "remove"


def test_a_container_of_another_project_under_our_name_is_never_touched():
    plan = planned(
        shop_of(database(relative(), container_name="pg")), composed(mount(OLD), name="pg", project="other")
    )
    assert plan.actions == ()
    assert "the Compose project other" in plan.holds[0].reason


def test_what_docker_compose_run_left_is_not_taken_over():
    left = composed(mount("/tmp/x"), name="shop-db-run-1", labels={"com.docker.compose.oneoff": "True"})
    plan = planned(shop_of(database(relative())), composed(mount(OLD)), left)
    assert ("remove", "h1", left.name) not in steps(plan)
    assert only_kept(plan) == {"/data": OLD}


def test_an_app_goes_to_the_host_where_its_project_is():
    shop = shop_of(database(relative()))
    busy = [container(app("other"), "api", slot) for slot in (1, 2, 3)]
    observed = {"h1": seen("h1"), "h2": seen("h2", composed(mount(OLD)), *busy, apps=(shop,))}
    plan = make_plan(world(shop, observed=observed))
    assert {each.host for each in plan.actions if intent_of(each)} == {"h2"}


def test_a_project_on_a_host_where_the_app_may_not_be_is_held():
    shop = shop_of(database(relative()), placement=Placement(hosts=("h1",)))
    observed = {"h1": seen("h1"), "h2": seen("h2", composed(mount(OLD)), apps=(shop,))}
    plan = make_plan(world(shop, observed=observed, hosts=(host("h1"), host("h2"))))
    assert plan.actions == ()
    assert "h2" in plan.holds[0].reason


def test_a_failed_gate_starts_the_old_container_again_under_its_own_name():
    shop = shop_of(database(relative(), container_name="pg"))
    old = foreign("pg-old-id-pg", id="id-pg00", state=State.EXITED, details=Details())
    old = replace(
        old, name=f"pg-old-{old.id[:7]}", labels={"com.docker.compose.service": "db"}, project="shop"
    )
    failed = container(shop, "db", health=Health.UNHEALTHY, details=Details(restart_policy="always"))
    plan = make_plan(
        world(
            shop,
            observed={"h1": seen("h1", old, failed, apps=(shop,))},
            targets=(stuck(shop),),
            failed={KEY: {shop.digest: "it is unhealthy"}},
        )
    )
    assert ("start", "h1", old.name) in steps(plan)
    renames = [each for each in plan.actions if each.target == old.id and each.kind is Kind.RENAME]
    assert [each.payload.new_name for each in renames] == ["pg"]


def stuck(shop):
    return TargetRelease(app=shop, commit="c" * 40, role=Role.BLOCKED, reason="it failed")


def test_once_it_is_taken_over_nothing_is_left_to_do():
    shop = shop_of(database(volumes=[entry("store")]), volumes=[STORE])
    told = {"gitops-orch.mounts": json.dumps({"/data": "portainer_store"})}
    there = container(shop, "db", labels=told)
    record = ObservedVolume(name="shop_adopted_db_1", owner=KEY, labels=told)
    assert planned(shop, there, volumes=(record,)).actions == ()
    assert kinds(planned(shop, there)) == ["create_volume"]  # the record was removed by hand


SILENT = UnknownHost(name="h1", reason="silent")


@pytest.mark.parametrize(
    "files",
    [(relative(),), (relative("./etc", "/etc/app", content=b"x"),), ()],
    ids=["data", "files", "none"],
)
def test_it_is_not_started_beside_a_silent_host_that_may_run_what_it_takes_over(files):
    shop = shop_of(database(*files))
    asked = world(shop, observed={"h1": SILENT, "h2": seen("h2")}, never_stable=frozenset({shop.key}))
    plan = make_plan(asked)
    assert plan.actions == ()
    (hold,) = plan.holds
    assert "h1 does not answer, and may run what `adopt: true` takes over" in hold.reason


def test_a_silent_host_where_it_does_not_belong_is_nothing_to_wait_for():
    shop = shop_of(database(relative()), placement=Placement(hosts=("h2",)))
    asked = world(shop, observed={"h1": SILENT, "h2": seen("h2")}, never_stable=frozenset({shop.key}))
    assert {each.host for each in make_plan(asked).actions} == {"h2"}


def test_what_was_taken_over_once_is_healed_beside_a_silent_host():
    shop = shop_of(database(relative()))
    asked = world(shop, observed={"h1": SILENT, "h2": seen("h2")})
    assert {each.host for each in make_plan(asked).actions} == {"h2"}


@pytest.mark.parametrize("name", ["shop-db-1", "shop-db-1-old-id-shop"])
def test_where_a_project_is_that_is_still_to_be_taken_over_is_remembered(name):
    shop = shop_of(database(relative()))
    there = seen("h1", composed(mount(OLD), name=name), apps=(shop,))
    plan = make_plan(world(shop, observed={"h1": there, "h2": seen("h2")}))
    assert plan.taking_over == {"h1": {Placed(app=KEY, service="db", slot=1)}}


def test_what_another_app_has_is_remembered_for_nobody():
    shop = replace(shop_of(database(relative())), adopt=False)
    assert planned(shop, composed(mount(OLD))).taking_over == {}
    shop = shop_of(database(relative()))
    assert planned(shop, composed(mount(OLD), labels={"com.docker.compose.oneoff": "True"})).taking_over == {}
    assert planned(shop, composed(mount(OLD), project="other")).taking_over == {}
