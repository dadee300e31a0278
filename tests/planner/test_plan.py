"""What a plan does for a fleet of one host."""

from datetime import datetime, timedelta, timezone

import pytest

from gitops_orch.model.app import Condition, Dependency, Drift, Hold, Port, Prune
from gitops_orch.model.observed import Details, ObservedNetwork, ObservedVolume, State, UnknownHost
from gitops_orch.planner.inputs.world import Role, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import (
    COMMIT,
    IMAGE,
    NOW,
    app,
    container,
    foreign,
    host,
    kinds,
    replace,
    seen,
    service,
    steps,
    world,
)


def test_a_new_app_gets_its_network_and_containers_and_a_gate():
    plan = make_plan(world(app()))
    assert kinds(plan) == ["create_network", "create", "start", "wait_healthy"]
    assert [action.reason for action in plan.actions if action.kind.value == "create"] == [
        "slot 1 of api is missing"
    ]


def test_an_app_that_runs_as_git_wants_it_needs_nothing():
    shop = app()
    plan = make_plan(world(shop, observed={"h1": seen("h1", container(shop), apps=(shop,))}))
    assert plan.actions == ()
    assert plan.holds == ()


def test_the_same_world_gives_the_same_bytes():
    apps = [app(f"a{n}", service("api"), service("web")) for n in range(5)]
    assert make_plan(world(*apps)).digest == make_plan(world(*reversed(apps))).digest


def test_a_missing_image_is_pulled_before_anything_else_of_the_app():
    plan = make_plan(world(app("shop", service(image="other:2"))))
    pull = plan.actions[0]
    assert (pull.kind.value, pull.payload.image) == ("pull", "other:2")
    assert all(
        pull.id in action.after
        for action in plan.actions
        if action.kind.value in {"create", "create_network"}
    )


def test_a_changed_service_is_replaced_start_first_and_its_sibling_left_alone():
    before = app("shop", service("api"), service("web"))
    after = app("shop", service("api", compose={"environment": {"A": "2"}}), service("web"))
    observed = {"h1": seen("h1", container(before, "api"), container(before, "web"), apps=(before,))}
    plan = make_plan(world(after, observed=observed))
    assert kinds(plan) == ["create", "start", "wait_healthy", "stop", "remove"]
    assert {action.service for action in plan.actions} == {"api"}


def test_the_old_container_is_removed_only_after_the_new_one_has_proved_itself():
    before, after = app(), app("shop", service(compose={"environment": {"A": "2"}}))
    plan = make_plan(world(after, observed={"h1": seen("h1", container(before), apps=(before,))}))
    wait, stop, remove = (
        next(a for a in plan.actions if a.kind.value == k) for k in ("wait_healthy", "stop", "remove")
    )
    assert wait.id in stop.after
    assert stop.id in remove.after


def test_a_fixed_port_makes_it_stop_first_and_says_so():
    port = Port(target=80, published=8080)
    before = app("shop", service(ports=(port,)))
    after = app("shop", service(ports=(port,), compose={"environment": {"A": "2"}}))
    plan = make_plan(world(after, observed={"h1": seen("h1", container(before), apps=(before,))}))
    assert kinds(plan) == ["create", "stop", "start", "wait_healthy", "remove"]
    stop = next(action for action in plan.actions if action.kind.value == "stop")
    assert "because port 8080/tcp of the host can be published only once" in stop.reason


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"container_name": "db"}, "`container_name: db` can exist only once"),
        ({"compose": {"network_mode": "host"}}, "both would use the ports of the host's network"),
        (
            {"compose": {"networks": {"default": {"ipv4_address": "10.9.0.4"}}}},
            "a fixed address can be used only once",
        ),
    ],
)
def test_a_stop_before_the_start_is_explained_in_one_sentence(options, why):
    before = app("shop", service(**options))
    changed = {**options.get("compose", {}), "environment": {"A": "2"}}
    after = app("shop", service(**{**options, "compose": changed}))
    plan = make_plan(world(after, observed={"h1": seen("h1", container(before), apps=(before,))}))
    stop = next(action for action in plan.actions if action.kind.value == "stop")
    assert stop.reason == f"it is stopped before its successor starts, because {why}"


def test_written_data_makes_it_stop_first():
    before = app("shop", service(writable=True))
    after = app("shop", service(writable=True, compose={"environment": {"A": "2"}}))
    plan = make_plan(world(after, observed={"h1": seen("h1", container(before), apps=(before,))}))
    assert kinds(plan).index("stop") < kinds(plan).index("start")


def test_a_container_name_that_stays_is_given_up_by_the_old_one_first():
    before = app("shop", service(container_name="the-api"))
    after = app("shop", service(container_name="the-api", compose={"environment": {"A": "2"}}))
    plan = make_plan(world(after, observed={"h1": seen("h1", container(before), apps=(before,))}))
    assert kinds(plan) == ["rename", "create", "stop", "start", "wait_healthy", "remove"]
    assert plan.actions[0].id in plan.actions[1].after


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"state": State.EXITED}, ["start", "wait_healthy"]),
        ({"state": State.PAUSED}, ["unpause"]),
        ({"name": "my-own-name"}, ["rename"]),
        ({"networks": ()}, ["connect_network"]),
        ({"networks": ("shop_default", "bridge")}, ["disconnect_network"]),
        ({"details": Details(restart_policy="always")}, ["update"]),
        (
            {"details": Details(memory_bytes=1 << 20)},
            ["rename", "create", "start", "wait_healthy", "stop", "remove"],
        ),
    ],
)
def test_drift_is_put_right_in_place_where_that_can_be(change, remedy):
    shop = app()
    plan = make_plan(
        world(shop, observed={"h1": seen("h1", replace(container(shop), **change), apps=(shop,))})
    )
    assert sorted(kinds(plan)) == sorted(remedy)
    assert all(action.reason for action in plan.actions)


def test_a_container_with_our_labels_and_another_image_is_replaced():
    shop = app()
    swapped = replace(container(shop), image_id="sha256:" + "7" * 64)
    plan = make_plan(world(shop, observed={"h1": seen("h1", swapped, apps=(shop,))}))
    create = next(a for a in plan.actions if a.kind.value == "create")
    assert "another image" in create.reason


def test_drift_warn_shows_what_it_sees_and_does_nothing():
    shop = app(drift=Drift.WARN)
    stopped = replace(container(shop), state=State.EXITED)
    plan = make_plan(world(shop, observed={"h1": seen("h1", stopped, apps=(shop,))}))
    assert plan.actions == ()
    assert "stopped" in plan.holds[0].reason


def test_a_stranger_under_our_name_is_held_and_never_touched():
    shop = app()
    name = container(shop).name
    plan = make_plan(world(shop, observed={"h1": seen("h1", foreign(name), apps=(shop,))}))
    assert plan.actions == ()
    assert "is not ours" in plan.holds[0].reason


def test_a_compose_project_of_the_same_name_is_held_with_the_way_out():
    plan = make_plan(world(app(), observed={"h1": seen("h1", foreign("shop-api-1", project="shop"))}))
    assert plan.actions == ()
    assert "x-gitops.adopt: true" in plan.holds[0].reason


def test_adopt_takes_the_compose_container_over():
    labels = {"com.docker.compose.service": "api", "com.docker.compose.container-number": "1"}
    old = foreign("shop-api-1", project="shop", labels=labels)
    plan = make_plan(world(app(adopt=True), observed={"h1": seen("h1", old)}))
    assert ("remove", "h1", "shop-api-1") in steps(plan)
    assert kinds(plan)[-1] == "remove"


def test_a_service_that_left_git_is_removed():
    before, after = app("shop", service("api"), service("web")), app("shop", service("api"))
    observed = {"h1": seen("h1", container(before, "api"), container(before, "web"), apps=(before,))}
    plan = make_plan(world(after, observed=observed))
    assert steps(plan) == [
        ("stop", "h1", container(before, "web").name),
        ("remove", "h1", container(before, "web").name),
    ]


def test_an_app_that_left_git_is_removed_with_its_network_and_nothing_else():
    gone, stays = app("gone"), app("stays")
    observed = {"h1": seen("h1", container(gone), container(stays), foreign(), apps=(gone, stays))}
    plan = make_plan(world(stays, observed=observed))
    assert steps(plan) == [
        ("stop", "h1", container(gone).name),
        ("remove", "h1", container(gone).name),
        ("remove_network", "h1", "gone_default"),
    ]
    assert not plan.refusals


def test_a_network_that_a_stranger_is_on_stays():
    gone, stays = app("gone"), app("stays")
    guest = foreign(networks=("gone_default",))
    observed = {"h1": seen("h1", container(gone), container(stays), guest, apps=(gone, stays))}
    plan = make_plan(world(stays, observed=observed))
    assert "remove_network" not in kinds(plan)
    assert "not ours" in plan.holds[0].reason


def test_a_broken_app_keeps_what_it_runs():
    shop = app()
    observed = {"h1": seen("h1", container(shop), apps=(shop,))}
    plan = make_plan(world(app("other"), observed=observed, invalid_apps={shop.key: "line 3 is no YAML"}))
    assert {str(action.app) for action in plan.actions} == {"default/other"}
    assert any("line 3" in hold.reason for hold in plan.holds)
    assert shop.key in plan.unknown_apps


def test_while_a_file_cannot_be_parsed_nothing_is_pruned():
    gone, stays = app("gone"), app("stays")
    observed = {"h1": seen("h1", container(gone), container(stays), apps=(gone, stays))}
    plan = make_plan(world(stays, observed=observed, invalid_paths=("x/compose.yaml",)))
    assert plan.actions == ()
    assert "x/compose.yaml" in plan.holds[0].reason


def test_a_held_app_is_left_alone_until_the_hold_ends():
    shop = app(hold=Hold(reason="disks"))
    plan = make_plan(world(shop))
    assert plan.actions == ()
    assert plan.holds[0].reason == "held: disks"


def test_depends_on_waits_for_health_and_for_completion():
    migrate = service("migrate", job=True)
    db = service("db")
    api = service(
        "api",
        depends_on=(
            Dependency(service="db", condition=Condition.HEALTHY),
            Dependency(service="migrate", condition=Condition.COMPLETED),
        ),
    )
    plan = make_plan(world(app("shop", api, db, migrate)))
    start = next(a for a in plan.actions if a.kind.value == "start" and a.service == "api")
    awaited = {
        a.id
        for a in plan.actions
        if (a.kind.value, a.service) in {("wait_healthy", "db"), ("run_job", "migrate")}
    }
    assert len(awaited) == 2
    assert awaited <= set(start.after)


def test_a_job_that_succeeded_is_never_run_again():
    shop = app("shop", service("migrate", job=True))
    done = replace(container(shop, "migrate"), state=State.EXITED)
    plan = make_plan(world(shop, observed={"h1": seen("h1", done, apps=(shop,))}))
    assert plan.actions == ()


def test_what_shares_a_namespace_is_made_anew_with_its_parent():
    def shop(value):
        vpn = service("vpn", compose={"environment": {"A": value}})
        return app("shop", vpn, service("app", compose={"network_mode": "service:vpn"}))

    before, after = shop("1"), shop("2")
    observed = {"h1": seen("h1", container(before, "vpn"), container(before, "app"), apps=(before,))}
    plan = make_plan(world(after, observed=observed))
    creates = [a for a in plan.actions if a.kind.value == "create"]
    assert [a.service for a in creates] == ["vpn", "app"]
    assert creates[0].id in creates[1].after
    assert creates[1].payload.container.peers == {"vpn": creates[0].name}


def test_replicas_are_replaced_one_after_the_other():
    before = app("shop", service(replicas=3))
    after = app("shop", service(replicas=3, compose={"environment": {"A": "2"}}))
    observed = {"h1": seen("h1", *(container(before, slot=n) for n in (1, 2, 3)), apps=(before,))}
    plan = make_plan(world(after, observed=observed))
    waits = [a for a in plan.actions if a.kind.value == "wait_healthy"]
    starts = [a for a in plan.actions if a.kind.value == "start"]
    assert waits[0].id in starts[1].follows
    assert waits[1].id in starts[2].follows


def test_scaling_down_takes_the_highest_slots():
    before, after = app("shop", service(replicas=3)), app("shop", service(replicas=1))
    observed = {"h1": seen("h1", *(container(before, slot=n) for n in (1, 2, 3)), apps=(before,))}
    plan = make_plan(world(after, observed=observed))
    assert {a.name for a in plan.actions} == {container(before, slot=2).name, container(before, slot=3).name}


def test_a_missing_external_network_holds_the_app_before_anything_is_touched():
    from gitops_orch.model.app import Network

    shop = app("shop", service(networks=("shared",)))
    shop = replace(shop, networks=(Network(key="shared", name="shared", external=True),))
    plan = make_plan(world(shop))
    assert plan.actions == ()
    assert "external network shared" in plan.holds[0].reason


def test_an_overlay_on_a_host_that_cannot_make_it_holds_the_app_before_anything_is_touched():
    from gitops_orch.model.app import Network

    shop = app("shop", service(networks=("n",)))
    shop = replace(shop, networks=(Network(key="n", name="shop_n", compose={"driver": "overlay"}),))

    def planned(**host):
        return make_plan(world(shop, observed={"h1": seen("h1", **host)}))

    plan = planned(creates_overlays=False)
    assert plan.actions == ()
    assert plan.holds[0].error
    assert "shop_n needs a Swarm, and the Engine of h1 is no manager of one" in plan.holds[0].reason
    assert planned().holds == ()
    assert planned(creates_overlays=False, networks=(ObservedNetwork(id="n", name="shop_n"),)).holds == ()


def test_a_stranger_volume_is_used_and_never_created_again():
    from gitops_orch.model.app import Volume

    shop = replace(
        app("shop", service(volumes=("data",), writable=True)),
        volumes=(Volume(key="data", name="shop_data"),),
    )
    plan = make_plan(world(shop, observed={"h1": seen("h1", volumes=(ObservedVolume(name="shop_data"),))}))
    assert "create_volume" not in kinds(plan)


def test_a_new_container_waits_for_the_port_that_another_app_gives_up():
    port = Port(target=80, published=80)
    gone, new = app("gone", service(ports=(port,))), app("new", service(ports=(port,)))
    stays = app("stays")
    holder = replace(container(gone), ports=(("0.0.0.0", 80, "tcp"),))
    observed = {"h1": seen("h1", holder, container(stays), apps=(gone, stays))}
    plan = make_plan(world(new, stays, observed=observed))
    stop = next(a for a in plan.actions if a.kind.value == "stop")
    start = next(a for a in plan.actions if a.kind.value == "start")
    assert stop.id in start.after


def test_a_crash_before_the_old_container_went_is_finished_through_the_gate():
    before, after = app(), app("shop", service(compose={"environment": {"A": "2"}}))
    observed = {"h1": seen("h1", container(before), container(after), apps=(after,))}
    plan = make_plan(world(after, observed=observed))
    assert kinds(plan) == ["wait_healthy", "stop", "remove"]


def test_a_failed_release_goes_back_and_its_container_is_kept_stopped():
    good = app("shop", service(), digest="good")
    bad = app("shop", service(compose={"environment": {"A": "bad"}}), digest="bad")
    failed = replace(container(bad), details=Details(restart_policy="always"))
    observed = {"h1": seen("h1", container(good), failed, apps=(good,))}
    chosen = (TargetRelease(app=good, commit=COMMIT, role=Role.ROLLBACK, reason="bad failed"),)
    plan = make_plan(world(observed=observed, targets=chosen, failed={good.key: {"bad": "it exited"}}))
    assert kinds(plan) == ["update", "stop", "rename"]
    assert plan.actions[-1].payload.new_name == container(bad).name + "-failed"
    assert plan.holds[0].reason == "bad failed"


@pytest.mark.parametrize("state", [State.RUNNING, State.RESTARTING])
def test_a_container_that_failed_or_was_never_proved_must_prove_the_release_that_takes_it_over(state):
    begun, head = app("shop", digest="begun"), app("shop", digest="head")
    observed = {"h1": seen("h1", replace(container(begun), state=state), apps=(head,))}
    known = {"progressing": {head.key: frozenset({"begun"})}, "ungated": frozenset({head.key})}
    assert kinds(make_plan(world(head, observed=observed, **known))) == ["wait_healthy"]
    assert kinds(make_plan(world(head, observed=observed, **known | {"progressing": {}}))) == []
    failed = {"progressing": {}, "failed": {head.key: {"begun": "it exited"}}}
    assert kinds(make_plan(world(head, observed=observed, **known | failed))) == ["wait_healthy"]
    assert kinds(make_plan(world(head, observed=observed, **known | {"ungated": frozenset()}))) == []


def test_with_nothing_to_go_back_to_what_does_well_stays():
    bad = app("shop", service("api"), service("db"), digest="bad")
    crashed = replace(container(bad, "api"), state=State.EXITED)
    observed = {"h1": seen("h1", crashed, container(bad, "db"), apps=(bad,))}
    chosen = (TargetRelease(app=bad, commit=COMMIT, role=Role.BLOCKED, reason="no way back"),)
    plan = make_plan(world(observed=observed, targets=chosen, failed={bad.key: {"bad": "it exited"}}))
    assert steps(plan) == [("rename", "h1", container(bad, "api").name)]


def test_an_unknown_host_is_never_acted_on():
    shop = app()
    plan = make_plan(world(shop, observed={"h1": UnknownHost(name="h1", reason="no answer")}))
    assert plan.actions == ()
    assert plan.unknown_hosts == ("h1",)
    assert shop.key in plan.unknown_apps


def test_every_action_comes_after_all_that_it_waits_for():
    apps = [app(f"a{n}", service("api", image=IMAGE), service("web", replicas=2)) for n in range(4)]
    plan = make_plan(
        world(*apps, observed={"h1": seen("h1", images=()), "h2": seen("h2")}, hosts=(host("h1"), host("h2")))
    )
    done: set[str] = set()
    for action in plan.actions:
        assert set(action.after) <= done
        done.add(action.id)
    assert len(done) > len(apps)


def definition(network):
    return {"gitops-orch.spec-hash": network.definition}


def test_a_network_whose_definition_changed_is_replaced_under_its_containers():
    from gitops_orch.model.app import Network
    from gitops_orch.model.observed import ObservedNetwork

    shop = app()
    changed = replace(
        shop, networks=(Network(key="default", name="shop_default", compose={"internal": True}),)
    )
    there = ObservedNetwork(id="n", name="shop_default", owner=shop.key, labels=definition(shop.networks[0]))
    observed = {"h1": seen("h1", container(shop), networks=(there,))}
    assert make_plan(world(shop, observed=observed)).actions == ()
    plan = make_plan(world(changed, observed=observed))
    assert kinds(plan) == ["disconnect_network", "remove_network", "create_network", "connect_network"]
    joining = plan.actions[3].payload.joining
    assert (joining.app, joining.service.name, joining.slot) == (changed, "api", 1)


def test_a_network_that_a_stranger_is_on_is_not_replaced():
    from gitops_orch.model.app import Network
    from gitops_orch.model.observed import ObservedNetwork

    shop = app()
    changed = replace(
        shop, networks=(Network(key="default", name="shop_default", compose={"internal": True}),)
    )
    there = ObservedNetwork(id="n", name="shop_default", owner=shop.key, labels=definition(shop.networks[0]))
    guest = foreign(networks=("shop_default",))
    plan = make_plan(world(changed, observed={"h1": seen("h1", container(shop), guest, networks=(there,))}))
    assert plan.actions == ()
    assert "stranger on h1 uses it too" in plan.holds[0].reason


def test_a_volume_whose_definition_changed_is_reported_and_never_replaced():
    from gitops_orch.model.app import Volume

    old = Volume(key="data", name="shop_data")
    new = Volume(key="data", name="shop_data", compose={"driver_opts": {"type": "nfs"}})
    shop = replace(app("shop", service(volumes=("data",), writable=True)), volumes=(new,))
    there = ObservedVolume(name="shop_data", owner=shop.key, labels=definition(old))
    plan = make_plan(
        world(shop, observed={"h1": seen("h1", container(shop), apps=(shop,), volumes=(there,))})
    )
    assert plan.actions == ()
    assert "never replaced" in plan.holds[0].reason


def test_what_lived_in_the_network_of_one_that_is_gone_is_not_put_back():
    after = app("shop", service(compose={"environment": {"A": "2"}}))
    stopped = replace(container(app()), state=State.EXITED, details=Details(joined=("gone",)))
    never_started = replace(container(after), state=State.CREATED)
    observed = {"h1": seen("h1", stopped, never_started, apps=(after,))}
    trouble = Hold(reason="start: no such container", until=NOW)
    assert make_plan(world(after, observed=observed, backoffs={after.key: trouble})).actions == ()


def test_an_interrupted_gate_is_gone_through_again():
    shop = app()
    observed = {"h1": seen("h1", container(shop), apps=(shop,))}
    plan = make_plan(world(shop, observed=observed, ungated=frozenset({shop.key})))
    assert kinds(plan) == ["wait_healthy"]


def test_what_an_older_release_proved_needs_no_second_gate():
    shop = app()
    old = container(shop, release="an-older-release")
    plan = make_plan(
        world(shop, observed={"h1": seen("h1", old, apps=(shop,))}, ungated=frozenset({shop.key}))
    )
    assert plan.actions == ()


def test_while_trouble_lasts_the_old_container_serves():
    port = Port(target=80, published=80)
    before = app("shop", service(ports=(port,)))
    after = app("shop", service(ports=(port,), compose={"environment": {"A": "2"}}))
    stopped = replace(container(before), state=State.EXITED)
    never_started = replace(container(after), state=State.CREATED)
    observed = {"h1": seen("h1", stopped, never_started, apps=(before,))}
    trouble = Hold(reason="start: port is already allocated", until=NOW)
    plan = make_plan(world(after, observed=observed, backoffs={after.key: trouble}))
    assert steps(plan) == [("start", "h1", stopped.name)]
    running = replace(stopped, state=State.RUNNING)
    observed = {"h1": seen("h1", running, never_started, apps=(before,))}
    assert make_plan(world(after, observed=observed, backoffs={after.key: trouble})).actions == ()


def test_a_container_that_lives_in_a_dead_namespace_is_made_anew():
    vpn = service("vpn")
    shop = app("shop", vpn, service("app", compose={"network_mode": "service:vpn"}))
    parent = container(shop, "vpn")
    orphan = replace(container(shop, "app"), details=Details(joined=("an-id-that-is-gone",)))
    plan = make_plan(world(shop, observed={"h1": seen("h1", parent, orphan, apps=(shop,))}))
    assert [a.service for a in plan.actions if a.kind.value == "create"] == ["app"]
    child = replace(orphan, details=Details(joined=(parent.id,)))
    assert make_plan(world(shop, observed={"h1": seen("h1", parent, child, apps=(shop,))})).actions == ()


def test_a_hold_tells_its_end_in_utc():
    shop = app()
    until = datetime(NOW.year + 1, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    plan = make_plan(world(shop, holds={shop.key: Hold(reason="moving", until=until)}))
    assert [hold.reason for hold in plan.holds] == [f"held until {NOW.year + 1}-05-01T00:00:00Z: moving"]


def test_two_apps_with_the_same_files_have_a_set_each():
    from gitops_orch.model.app import FileMount

    files = (FileMount(target="/etc/app", entries=(), directory=True, secret=False, digest="d" * 64),)
    one, two = app("one", service(files=files)), app("two", service(files=files))
    there = ObservedVolume(name="one_files", owner=one.key, files="d" * 64)
    plan = make_plan(world(one, two, observed={"h1": seen("h1", volumes=(there,))}))
    assert [a.app.name for a in plan.actions if a.kind.value == "put_files"] == ["two"]


def test_a_limit_set_by_another_hand_is_found_whatever_it_is():
    shop = app()
    limited = replace(container(shop), details=Details(other_limits=(("CpuQuota", 50000),)))
    plan = make_plan(world(shop, observed={"h1": seen("h1", limited, apps=(shop,))}))
    assert "CpuQuota was set from outside" in next(a.reason for a in plan.actions if a.kind.value == "create")


@pytest.mark.parametrize(
    ("prune", "said"), [(Prune.NEVER, "never"), (Prune.CONFIRM, "Allow-Prune: default/gone")]
)
def test_an_app_that_left_git_keeps_what_it_said_of_that(prune, said):
    gone, stays = app("gone"), app("stays")
    observed = {"h1": seen("h1", container(gone), container(stays), apps=(gone, stays))}
    plan = make_plan(world(stays, observed=observed, prunes={gone.key: prune}))
    assert plan.actions == ()
    assert said in plan.holds[0].reason


def test_a_second_container_that_fails_under_the_same_name_takes_the_place_of_the_first():
    good = app("shop", service(), digest="good")
    bad = app("shop", service(compose={"environment": {"A": "bad"}}), digest="bad")
    first = replace(container(bad), id="first", name=container(bad).name + "-failed", state=State.EXITED)
    second = replace(container(bad), id="second", state=State.EXITED)
    observed = {"h1": seen("h1", container(good), first, second, apps=(good,))}
    chosen = (TargetRelease(app=good, commit=COMMIT, role=Role.ROLLBACK, reason="bad failed"),)
    plan = make_plan(world(observed=observed, targets=chosen, failed={good.key: {"bad": "it exited"}}))
    assert [(a.kind.value, a.target) for a in plan.actions] == [("remove", "first"), ("rename", "second")]
    assert plan.actions[0].id in plan.actions[1].after
