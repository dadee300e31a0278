"""A controller that dies at an action leaves nothing that the next sync does not finish: no duplicate, no orphan.

One test per kind of action: the controller is killed just before the action, killed again just after it, and then left
to do its work.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from integration.fatality import AFTER, BEFORE, Fatality
from integration.world import World, compose, on, service
from lab.registry import Registry

SIGKILLED = -9
WEB = "apps/web/compose.yaml"


def front(**more: object) -> str:
    return compose({"front": service(environment={"COLOUR": "green"}, **more)})


def blue(**more: object) -> str:
    return compose({"front": service(environment={"COLOUR": "blue"}, **more)})


def two_networks(networks: list[str]) -> str:
    return compose({"front": service(networks=networks)}, networks={name: {} for name in networks})


def chain(colour: str) -> str:
    back = service(depends_on={"front": {"condition": "service_started", "restart": True}})
    return compose({"front": service(environment={"COLOUR": colour}), "back": back})


def job_then_api() -> str:
    job = service("stub:exit0", restart="no")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    return compose({"job": job, "api": api})


def remake(world: World) -> None:
    world.commit({WEB: blue()})


def change_a_file(world: World) -> None:
    world.commit({"apps/web/www/index.html": "hello again\n"})


def rename(world: World) -> None:
    with world.host.client() as client:
        client.rename(world.one("web/front").id, "elsewhere")


def pause(world: World) -> None:
    with world.host.client() as client:
        client.pause(world.one("web/front").id)


def disconnect(world: World) -> None:
    seen = world.one("web/front")
    with world.host.client() as client:
        client.disconnect_container_from_network(seen.id, "web_default")


def connect(world: World) -> None:
    with world.host.client() as client:
        client.create_network("foreign")
        client.connect_container_to_network(world.one("web/front").id, "foreign")


def limit(world: World) -> None:
    with world.host.client() as client:
        client.update_container(world.one("web/front").id, mem_limit="64m", memswap_limit="128m")


def nothing(world: World) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is deployed before (None: nothing), and what makes the kind of action necessary."""

    before: str | None
    change: Callable[[World], None]
    after: str | None = None  # the Compose file that is committed with the change
    kept: int = 1  # former generations


CASES = {
    "create_network": Case(before=None, change=nothing, after=front()),
    "create_volume": Case(
        before=None,
        change=nothing,
        after=compose({"front": service(volumes=["rows:/rows"])}, volumes={"rows": {}}),
    ),
    "put_files": Case(before=None, change=nothing, after=front(volumes=["./www:/www:ro"])),
    "create": Case(before=None, change=nothing, after=front()),
    "start": Case(before=front(), change=remake),
    "wait_healthy": Case(before=front(), change=remake),
    "stop": Case(before=front(), change=remake),
    "remove": Case(before=front(), change=remake, kept=0),
    "rename": Case(before=front(), change=rename),
    "update": Case(before=front(mem_limit="32m"), change=limit),
    "restart": Case(before=chain("green"), change=nothing, after=chain("blue")),
    "unpause": Case(before=front(), change=pause),
    "connect_network": Case(before=front(), change=disconnect),
    "disconnect_network": Case(before=front(), change=connect),
    "exec": Case(
        before=front(volumes=["./www:/www:ro"], **{"x-gitops": {"reload": "SIGHUP"}}), change=change_a_file
    ),
    "exec, of a hook": Case(
        before=None, change=nothing, after=front(post_start=[{"command": ["touch", "/told"]}])
    ),
    "run_job": Case(before=None, change=nothing, after=job_then_api()),
    "run_job, before a start": Case(
        before=front(), change=nothing, after=blue(pre_start=[{"command": ["true"]}])
    ),
    "remove_network": Case(
        before=two_networks(["default", "other"]), change=nothing, after=two_networks(["default"]), kept=0
    ),
}


@pytest.mark.parametrize("step", CASES)
def test_a_death_at_an_action_leaves_nothing_that_the_next_sync_does_not_finish(world: World, step: str):
    case = CASES[step]
    world.settings["GITOPS_ORCH_RETAIN__CONTAINERS"] = str(case.kept)
    world.commit({"apps/web/www/index.html": "hello\n"} | ({WEB: case.before} if case.before else {}))
    if case.before:
        world.deploy()
    if case.after:
        world.commit({WEB: case.after})
    case.change(world)

    die_and_recover(world, step.partition(",")[0])


def test_a_death_at_a_pull_leaves_nothing_that_the_next_sync_does_not_finish(
    world: World, registry: Registry
):
    image = registry.push(world.host, "stub:1", name="front:1")
    world.commit({WEB: compose({"front": service(image)})})

    die_and_recover(world, "pull")

    with world.host.client() as client:
        assert world.one("web/front").image_id == client.inspect_image("stub:1")["Id"]


@pytest.mark.parametrize("kind", ["stop", "update", "rename"])
def test_a_death_while_a_generation_is_set_aside_leaves_it_whole_and_out_of_the_way(world: World, kind: str):
    world.commit({WEB: front(restart="always")})
    world.deploy()
    green = world.one("web/front")
    world.commit({WEB: blue(restart="always")})

    die_and_recover(world, kind)

    (kept,) = [seen for seen in world.containers() if seen.aside]
    assert (kept.id, kept.restart_policy) == (green.id, "no")


@pytest.mark.parametrize("kind", ["rename", "update", "start", "wait_healthy"])
def test_a_death_while_a_kept_generation_takes_its_place_again_leaves_it_serving(world: World, kind: str):
    world.commit({WEB: front(restart="always")})
    world.deploy()
    green = world.one("web/front")
    world.commit({WEB: blue(restart="always")})
    world.deploy()
    world.commit({WEB: front(restart="always")})

    die_and_recover(world, kind)

    back = world.one("web/front")
    assert (back.id, back.name, back.restart_policy) == (green.id, green.name, "always")


@pytest.mark.parametrize("kind", ["create", "stop", "start", "rename"])
def test_a_death_while_a_fixed_name_and_port_change_hands_leaves_one_owner_of_both(world: World, kind: str):
    fixed = {"container_name": "front", "ports": ["18080:8080"]}
    world.commit({WEB: compose({"front": service(environment={"COLOUR": "green"}, **fixed)})})
    world.deploy()
    world.commit({WEB: compose({"front": service(environment={"COLOUR": "blue"}, **fixed)})})

    die_and_recover(world, kind)

    assert "COLOUR=blue" in world.one("web/front").environment
    assert world.one("web/front").name == "front"


def test_a_death_between_two_hosts_leaves_the_app_on_one(fleet: World):
    fleet.commit({WEB: compose({"front": service()}, **{"x-gitops": on("h1")})})
    fleet.deploy()
    fleet.commit({WEB: compose({"front": service()}, **{"x-gitops": on("h2")})})

    die_and_recover(fleet, "stop")

    assert fleet.one("web/front").host == "h2"


def die_and_recover(world: World, kind: str) -> None:
    """Be killed before the action and after it; then converge, and look for what is too much or too little."""
    for moment in (BEFORE, AFTER):
        died = world.run("sync", fatality=Fatality(kind=kind, moment=moment))
        assert died.exit_code == SIGKILLED, f"no {kind} came: {died.text}"
    world.converge()
    wanted = world.run("status").document["apps"]
    found = [seen.service for seen in world.ours()]
    assert sorted(found) == sorted(
        f"{app['app']}/{each['name']}"
        for app in wanted
        for each in app["services"]
        for _ in range(each["desired"])
    )
    assert [seen.name for seen in world.containers() if not seen.service] == []
    assert {seen.state for seen in world.ours() if not seen.service.endswith("/job")} == {"running"}
    in_use = {f"{seen.host}/{name}" for seen in world.ours() for name in seen.networks}
    assert world.networks() - {f"{name}/foreign" for name in world.hosts} == in_use
