"""A service or an app under another name keeps its place: the old container serves until the new one is proved."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from gitops_orch.model.plan.kinds import Kind
from tests.story import Scenario

NETWORK = "networks: {lan: {name: lan, ipam: {config: [{subnet: 172.20.0.0/24}]}}}"
OTHER = {"apps/t/compose.yaml": 'services: {x: {image: "shop:1"}, y: {image: "shop:1"}}'}
PLACES = {
    "a port": 'ports: ["5432:5432"]',
    "a port of one address": 'ports: ["127.0.0.1:53:53/udp"]',
    "an address": "networks: {lan: {ipv4_address: 172.20.0.10}}",
    "a volume": 'volumes: ["data:/data"]',
}


@pytest.fixture
def story() -> Scenario:
    images = {
        "shop:1": ImageBehaviour(),
        "shop:2": ImageBehaviour(pull_s=60.0),
        "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1),
    }
    return Scenario(images)


def app(name: str, place: str, image: str = "shop:1", more: str = "") -> dict[str, str]:
    return {
        "apps/s/compose.yaml": f"""
            services:
              {name}: {{image: "{image}", {place}}}
            volumes: {{data: }}
            {NETWORK}
            {more}
            """,
        **OTHER,
    }


def running(story: Scenario) -> list[str]:
    return sorted(
        each.labels["com.docker.compose.service"]
        for each in story.world.containers.values()
        if each.state is State.RUNNING and each.labels["gitops-orch.app"] != "t"
    )


def steps(story: Scenario, report, service: str = "") -> list[str]:
    return [
        f"{each.action.kind.value} {each.action.service}"
        for each in report.results
        if not service or each.action.service == service
    ]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_old_one_is_stopped_last_and_removed_once_the_new_one_is_proved(story, place):
    story.commit(app("db", place))
    assert story.sync().exit_code == 0
    story.commit(app("postgres", place, "shop:2"))
    report = story.sync()
    assert report.exit_code == 0
    done = [step for step in steps(story, report) if step.split()[1] in {"db", "postgres"}]
    assert done == [
        "pull postgres",
        "create postgres",
        "stop db",
        "start postgres",
        "wait_healthy postgres",
        "remove db",
    ]
    assert running(story) == ["postgres"]
    assert (story.plan().actions, story.plan().holds) == ((), ())


@pytest.mark.parametrize("rollback", ["auto", "hold"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_same_old_container_serves_again_where_the_new_one_fails(story, place, rollback):
    story.commit(app("db", place))
    story.sync()
    before = story.containers()["db"].id
    story.commit(app("postgres", place, "bad:1", more=f"x-gitops: {{rollback: {rollback}}}"))
    assert story.sync().exit_code == 4
    assert running(story) == ["db"]
    assert story.containers()["db"].id == before
    story.commit(app("postgres", place, "shop:2"))
    assert story.sync().exit_code == 0
    assert running(story) == ["postgres"]


def test_the_old_container_serves_while_its_host_refuses_the_new_one(story):
    story.commit(app("db", PLACES["a port"]))
    story.sync()
    story.commit(app("postgres", 'ports: ["5432:5432", "5433:5433"]'))
    story.world.host_ports.add(("0.0.0.0", 5433, "tcp"))
    assert story.sync().exit_code == 1
    story.sync()
    assert running(story) == ["db"]
    story.world.host_ports.clear()
    story.clock.sleep(600)
    assert story.sync().exit_code == 0
    assert running(story) == ["postgres"]


@pytest.mark.parametrize("operation", ["create", "stop", "start"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_crash_in_between_ends_with_the_new_one(story, place, operation):
    story.commit(app("db", place))
    story.sync()
    story.commit(app("postgres", place))
    story.crash_at(operation, after=True)
    assert "db" in story.containers()
    assert story.sync().exit_code == 0
    assert running(story) == ["postgres"]


PORT_CHANGES = {
    "another port": 'ports: ["8081:80"]',
    "no port": "labels: {a: b}",
    "its port of another protocol": 'ports: ["8080:80/udp"]',
}


@pytest.mark.parametrize("rollback", ["auto", "hold", "off"])
@pytest.mark.parametrize("place", PORT_CHANGES.values(), ids=PORT_CHANGES)
def test_an_old_service_whose_port_nobody_needs_serves_on_where_the_new_one_fails(story, place, rollback):
    story.commit(app("web", 'ports: ["8080:80"]'))
    story.sync()
    before = story.containers()["web"]
    started = before.started_at
    story.commit(app("front", place, "bad:1", more=f"x-gitops: {{rollback: {rollback}}}"))
    assert story.sync().exit_code == 4
    story.sync()
    there = story.containers()["web"]
    assert (there.id, there.state, there.started_at) == (before.id, State.RUNNING, started)
    story.commit(app("front", place, "shop:2"))
    assert story.sync().exit_code == 0
    assert running(story) == ["front"]


@pytest.mark.parametrize("place", PORT_CHANGES.values(), ids=PORT_CHANGES)
@pytest.mark.parametrize("directories", [("s", "s"), ("blog", "weblog")], ids=["service", "app"])
def test_an_old_service_whose_port_nobody_needs_stops_once_the_new_one_is_proved(story, place, directories):
    old, new = (
        {f"apps/{directory}/compose.yaml": f'services: {{{name}: {{image: "shop:1", {what}}}}}\n', **OTHER}
        for directory, name, what in zip(
            directories, ("web", "web"), ('ports: ["8080:80"]', place), strict=True
        )
    )
    if directories[0] == directories[1]:
        new = {path: text.replace("web:", "front:") for path, text in new.items()}
    story.commit(old)
    story.sync()
    story.commit(new)
    (proof,) = (each.id for each in story.plan().actions if each.kind is Kind.WAIT_HEALTHY)
    ends = [each for each in story.plan().actions if each.kind in {Kind.STOP, Kind.REMOVE}]
    assert len(ends) == 2
    assert all(proof in each.after for each in ends)
    assert story.sync().exit_code == 0


def test_an_old_service_whose_port_another_app_needs_stops_for_it_and_is_not_removed(story):
    web = 'services: {web: {image: "shop:1", ports: ["8080:80"]}}\n'
    front = 'services: {front: {image: "bad:1", ports: ["8081:80"]}}\nx-gitops: {rollback: hold}\n'
    story.commit({"apps/s/compose.yaml": web, **OTHER})
    story.sync()
    story.commit({"apps/s/compose.yaml": front, "apps/u/compose.yaml": web, **OTHER})
    assert story.sync().exit_code == 4
    old, new = (
        next(each for each in story.world.containers.values() if each.name.startswith(f"{name}-web"))
        for name in ("s", "u")
    )
    assert (old.state, new.state) == (State.EXITED, State.RUNNING)


def renamed(directory: str, image: str = "shop:1", place: str = PLACES["a port"]) -> dict[str, str]:
    text = f'services: {{web: {{image: "{image}", {place}}}}}\n'
    return {f"apps/{directory}/compose.yaml": text, **OTHER}


APP_PLACES = {key: PLACES[key] for key in ("a port", "a port of one address")}


@pytest.mark.parametrize("place", APP_PLACES.values(), ids=APP_PLACES)
def test_an_app_whose_new_name_fails_serves_again_under_the_old_one(story, place):
    story.commit(renamed("blog", place=place))
    assert story.sync().exit_code == 0
    before = story.containers()["web"].id
    story.fleet.registry.push("shop:1", ImageBehaviour(exits_after_s=1, exit_code=3))
    story.world.images.clear()
    story.commit(renamed("weblog", place=place))
    for _ in range(3):
        assert story.sync().exit_code == 4
        assert story.world.containers[before].state is State.RUNNING
        assert running(story) == ["web"]


def test_an_app_whose_new_name_works_at_the_second_attempt_replaces_the_old_one(story):
    story.commit(renamed("blog"))
    story.sync()
    story.commit(renamed("weblog", "shop:1", 'ports: ["5432:5432", "5433:5433"]'))
    story.world.host_ports.add(("0.0.0.0", 5433, "tcp"))
    assert story.sync().exit_code == 1
    story.sync()
    (web,) = [each for each in story.world.containers.values() if each.state is State.RUNNING and each.ports]
    assert web.labels["gitops-orch.app"] == "blog"
    story.world.host_ports.clear()
    story.clock.sleep(600)
    assert story.sync().exit_code == 0
    assert {each.labels["gitops-orch.app"] for each in story.world.containers.values()} == {"weblog", "t"}


def test_only_what_stopped_for_the_new_name_is_started_again(story):
    two = 'services: {{web: {{image: "{0}", ports: ["80:80"]}}, side: {{image: "shop:1"}}}}\n'
    story.commit({"apps/blog/compose.yaml": two.format("shop:1"), **OTHER})
    story.sync()
    started = story.containers()["side"].started_at
    story.commit({"apps/weblog/compose.yaml": two.format("bad:1").replace("bad:1", "shop:1"), **OTHER})
    story.fleet.registry.push("shop:1", ImageBehaviour(exits_after_s=1, exit_code=3))
    story.world.images.clear()
    story.sync()
    old = {
        each.labels["com.docker.compose.service"]: each
        for each in story.world.containers.values()
        if each.labels["gitops-orch.app"] == "blog"
    }
    assert {name: each.state for name, each in old.items()} == {
        "web": State.RUNNING,
        "side": State.RUNNING,
    }
    assert old["side"].started_at == started


@pytest.mark.parametrize("more", ["", ", container_name: pg", ", volumes: ['data:/data']"])
def test_the_only_service_of_the_only_app_is_renamed_in_one_sync(story, more):
    volumes = "volumes: {data: {}}\n" if "data" in more else ""
    for name in ("db", "postgres"):
        story.commit({"s/compose.yaml": f"services: {{{name}: {{image: 'shop:1'{more}}}}}\n{volumes}"})
        assert story.sync().exit_code == 0
    [left] = [each for each in story.fleet.worlds["h1"].containers.values() if each.up]
    assert left.owner.service == "postgres"
