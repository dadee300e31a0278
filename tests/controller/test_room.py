"""After several rollouts that broke off, one of the stopped containers serves in each place: never two on the same data."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from tests.story import Scenario

NETWORK = "networks: {lan: {name: lan, ipam: {config: [{subnet: 172.20.0.0/24}]}}}"
OTHER = {"apps/t/compose.yaml": 'services: {x: {image: "slow:1"}, y: {image: "slow:1"}}'}
PLACES = {
    "a volume": "volumes: ['data:/data']",
    "a directory of the host": "volumes: ['/srv/data:/data']",
    "a port": "ports: ['5432:5432']",
    "an address": "networks: {lan: {ipv4_address: 172.20.0.10}}",
}
TAKEN = ("0.0.0.0", 5433, "tcp")
EVERYWHERE = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
APP_PLACES = {
    key: PLACES[key] for key in PLACES if key != "an address"
}  # whose network would be renamed, too


@pytest.fixture
def story(monkeypatch) -> Scenario:
    """The Engine of its host finds out only at a start that a port is taken."""
    monkeypatch.setattr("gitops_orch.engine.simulated.requests.check_ports", lambda *_: None)
    return Scenario({"slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=8)})


def services(*declared: str, directory: str = "s", more: str = "") -> dict[str, str]:
    lines = "\n".join(f"  {each}" for each in declared)
    text = f"services:\n{lines}\nvolumes: {{data: {{name: the-data}}}}\n{NETWORK}\n{more}\n"
    return {f"apps/{directory}/compose.yaml": text, **OTHER}


def service(name: str, place: str, *, version: int = 1, more: str = "") -> str:
    return f'{name}: {{image: "slow:1", environment: {{V: "{version}"}}, {place}{more}}}'


def blocked(name: str, place: str) -> str:
    """A service that the Engine cannot start: a process of the host has its port."""
    ports = "5433:5433"
    if place == PLACES["a port"]:
        return service(name, f"ports: ['5432:5432', '{ports}']")
    return service(name, f"{place}, ports: ['{ports}']")


def up(story: Scenario) -> list[str]:
    return sorted(
        f"{each.labels['com.docker.compose.service']} {each.environment[-1]}"
        for each in story.world.containers.values()
        if each.up and each.labels["gitops-orch.app"] != "t"
    )


def sync_often(story: Scenario) -> list[list[str]]:
    """Return what runs after each of some passes."""
    found = []
    for _ in range(4):
        story.sync()
        found.append(up(story))
        story.clock.sleep(15)
    return found


def break_off(story: Scenario, files: dict[str, str]) -> None:
    """Commit, and die after the old container was stopped and the new one was started."""
    story.commit(files)
    story.crash_at("start", after=True)


@EVERYWHERE
def test_of_the_former_names_of_a_service_one_serves_while_the_third_cannot_be_started(story, place):
    story.commit(services(service("a", place)))
    assert story.sync().exit_code == 0
    break_off(story, services(service("b", place)))
    story.world.host_ports.add(TAKEN)
    story.commit(services(blocked("c", place)))
    assert sync_often(story) == [["a V=1"]] * 4
    story.world.host_ports.clear()
    story.clock.sleep(600)
    assert story.sync().exit_code == 0
    assert up(story) == ["c V=1"]


@EVERYWHERE
def test_of_the_former_containers_of_a_slot_the_one_that_was_proved_serves(story, place):
    story.commit(services(service("a", place)))
    assert story.sync().exit_code == 0
    break_off(story, services(service("a", place, version=2)))
    story.world.host_ports.add(TAKEN)
    story.commit(services(blocked("a", place).replace('"1"', '"3"')))
    assert sync_often(story) == [["a V=1"]] * 4


WAITS = {
    "it is held": ("x-gitops: {hold: {reason: later}}", {}),
    "it waits for another app": (
        "x-gitops: {depends_on: [t]}",
        {"apps/t/compose.yaml": 'services: {x: {image: "absent:1"}}'},
    ),
}


@pytest.mark.parametrize(("more", "others"), WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("place", APP_PLACES.values(), ids=APP_PLACES)
def test_the_old_name_of_an_app_starts_nothing_beside_its_own_container(story, place, more, others):
    story.commit(services(service("a", place), directory="blog"))
    assert story.sync().exit_code == 0
    newer = service("a", place, version=2)
    break_off(story, services(newer, directory="blog"))
    story.commit(services(newer, directory="weblog", more=more) | others)
    assert sync_often(story) == [["a V=2"]] * 4


def test_services_that_share_data_in_one_file_serve_again_together(story):
    two = [service(name, PLACES["a volume"]) for name in ("a", "b")]
    story.commit(services(*two))
    assert story.sync().exit_code == 0
    story.commit(services(two[0], service("b", PLACES["a volume"], version=2)))
    assert story.sync().exit_code == 0
    story.world.host_ports.add(TAKEN)
    story.commit(
        services(
            service("a", PLACES["a volume"], version=3, more=", ports: ['5433:5433']"),
            service("b", PLACES["a volume"], version=3, more=", ports: ['5433:5433/udp'], depends_on: [a]"),
        )
    )
    assert sync_often(story)[-1] == ["a V=1", "b V=2"]


def test_replicas_that_share_data_serve_again_together(story):
    def replicated(version: int, image: str) -> dict[str, str]:
        more = ", deploy: {replicas: 3, update_config: {order: stop-first, parallelism: 0}}"
        text = service("a", PLACES["a volume"], version=version, more=more)
        return services(text.replace("slow:1", image), more="x-gitops: {rollback: hold}")

    story.commit(replicated(1, "slow:1"))
    assert story.sync().exit_code == 0
    story.fleet.registry.push("bad:1", ImageBehaviour(exits_after_s=1, exit_code=1))
    story.commit(replicated(2, "bad:1"))
    assert sync_often(story)[-1] == ["a V=1"] * 3
