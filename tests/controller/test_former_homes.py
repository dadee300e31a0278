"""On several hosts, what gets another name stays where its data is, also while that host does not answer."""

from dataclasses import dataclass

import pytest
from controller.test_renamed_services import OTHER
from faults.test_y_broken_files import holds

from gitops_orch.engine.simulated.faults import Fault
from gitops_orch.engine.simulated.images import ImageBehaviour
from tests.story import HOST, Scenario

HOSTS = ("h1", "h2")
KINDS = {
    "a volume": "volumes: ['data:/var/lib/pg']",
    "a volume named in full": "volumes: ['shared:/var/lib/pg']",
    "a path": "volumes: ['/srv/pg:/var/lib/pg']",
    "a directory": "volumes: ['./data:/var/lib/pg']",
    "an anonymous volume": "",
}
NAMES = (
    "journal",
    "notes",
    "diary",
    "log",
    "blog",
)  # a name that is placed elsewhere by chance is among them


@dataclass
class Silent:
    """A host that refuses each connection."""

    host: str

    def decide(self, host: str, _operation: str) -> Fault | None:
        return Fault.REFUSED if host == self.host else None


def text(service: str, kind: str, image: str = "pg:1", more: str = "") -> str:
    return (
        f"{more}services: {{{service}: {{image: '{image}', {KINDS[kind]}}}}}\n"
        "volumes: {data: {}, shared: {name: shared}}\n"
    )


def commit(story: Scenario, files: dict[str, str], hosts: tuple[str, ...] = HOSTS) -> None:
    places = {f"hosts/{name}.yaml": HOST.replace("h1", name) for name in hosts}
    story.source.push({**places, **OTHER, **files}, {})


def places(story: Scenario, image: str = "pg:1") -> list[tuple[str, str]]:
    """Return the host and the service of each container of an image that runs."""
    return sorted(
        (host, each.labels["com.docker.compose.service"])
        for host in HOSTS
        for each in story.fleet.world(host).containers.values()
        if each.image == image and each.up
    )


def silence(story: Scenario, host: str) -> None:
    story.fleet.faults = Silent(host)
    story.reconciler = story._reconciler()


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def story() -> Scenario:
    return Scenario({"pg:1": ImageBehaviour(volumes=("/var/lib/pg",)), "web:1": ImageBehaviour()})


def deployed(story: Scenario, files: dict[str, str]) -> str:
    """Deploy, and return the host where the data is."""
    commit(story, files)
    assert story.sync().exit_code == 0
    [(home, _)] = places(story)
    return home


@pytest.mark.parametrize("name", ["postgres", "pg", "store", "sql"])
def test_a_renamed_service_stays_with_its_data(story, kind, name):
    home = deployed(story, {"app/compose.yaml": text("db", kind)})
    volumes = dict(story.fleet.world(home).volumes)
    commit(story, {"app/compose.yaml": text(name, kind)})
    assert story.sync().exit_code == 0
    assert places(story) == [(home, name)]
    assert story.fleet.world(home).volumes.keys() == volumes.keys()
    assert (story.plan().actions, story.plan().holds) == ((), ())


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize("kind", ["a volume named in full", "a path"], indirect=True)
def test_a_renamed_app_whose_data_is_named_in_full_stays_with_it(story, kind, name):
    home = deployed(story, {"blog/compose.yaml": text("db", kind)})
    commit(story, {f"{name}/compose.yaml": text("db", kind)})
    assert story.sync().exit_code == 0
    assert places(story) == [(home, "db")]


def test_a_renamed_app_that_may_not_run_on_the_host_of_its_data_is_held(story):
    home = deployed(story, {"blog/compose.yaml": text("db", "a path")})
    [away] = set(HOSTS) - {home}
    head = f"x-gitops: {{placement: {{hosts: [{away}]}}}}\n"
    commit(story, {"journal/compose.yaml": text("db", "a path", more=head)})
    story.sync()
    assert places(story) == [(home, "db")]
    assert f"db would leave {home} without its data" in holds(story)["default/journal"]
    head = f"x-gitops: {{placement: {{hosts: [{away}]}}, move: without-data}}\n"
    commit(story, {"journal/compose.yaml": text("db", "a path", more=head)})
    assert story.sync().exit_code == 0
    assert places(story) == [(away, "db")]


@pytest.mark.parametrize("after", [("app", "postgres"), ("data", "db"), ("data", "postgres")], ids=str)
def test_nothing_is_started_elsewhere_while_the_host_of_the_old_one_is_silent(story, kind, after):
    home = deployed(story, {"app/compose.yaml": text("db", kind)})
    silence(story, home)
    directory, service = after
    commit(story, {f"{directory}/compose.yaml": text(service, kind)})
    for _ in range(2):
        assert story.sync().exit_code == 3
    assert places(story) == [(home, "db")]
    reason = holds(story)[f"default/{directory}"]
    assert f"{home} does not answer" in reason
    assert "gitops-orch accept" in reason
    silence(story, "")
    story.clock.sleep(120)
    story.sync()
    assert [host for host, _ in places(story)] == [home]
    is_held = f"default/{directory}" in holds(story)
    named = kind in {"a volume named in full", "a path"}
    assert is_held == (directory == "data" and not named)


@pytest.mark.parametrize("after", ["app", "data"])
def test_a_person_may_start_it_elsewhere_without_the_data(story, after):
    home = deployed(story, {"app/compose.yaml": text("db", "a volume")})
    [away] = set(HOSTS) - {home}
    silence(story, home)
    commit(story, {f"{after}/compose.yaml": text("postgres", "a volume")})
    story.sync()
    story.history.accept(story.source.fetch())
    story.sync()
    assert (away, "postgres") in places(story)


def test_an_app_that_is_plainly_new_is_started_though_a_silent_host_has_one_that_left(story):
    home = deployed(story, {"blog/compose.yaml": text("db", "a volume")})
    [away] = set(HOSTS) - {home}
    silence(story, home)
    commit(story, {"shop/compose.yaml": "services: {front: {image: 'web:1'}}\n"})
    story.sync()
    assert places(story, "web:1") == [(away, "front")]


@pytest.mark.parametrize("how", ["placement", "drain"])
def test_an_anonymous_volume_is_not_left_behind(story, how):
    head = "x-gitops: {placement: {hosts: [h1]}}\n"
    app = text("db", "an anonymous volume")
    commit(story, {"app/compose.yaml": head + app})
    assert story.sync().exit_code == 0
    drained = (
        {"hosts/h1.yaml": HOST.replace("spec: {", "spec: {availability: drain, ")} if how == "drain" else {}
    )
    commit(story, {"app/compose.yaml": head.replace("h1", "h2") + app, **drained})
    story.sync()
    assert places(story) == [("h1", "db")]
    assert "db would leave h1 without its data" in holds(story)["default/app"]
    commit(story, {"app/compose.yaml": "x-gitops: {placement: {hosts: [h2]}, move: without-data}\n" + app})
    assert story.sync().exit_code == 0
    assert places(story) == [("h2", "db")]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "blog"])
def test_what_takes_a_stack_over_waits_for_each_silent_host_and_not_for_the_host_of_a_similar_app(
    story, kind, name
):
    """The data of what `adopt: true` takes over is in the containers of the other tool, wherever these are."""
    home = deployed(story, {"blog/compose.yaml": text("db", kind)})
    other = next(host for host in HOSTS if host != home)
    adopting = {f"stacks/{name}/compose.yaml": text("db", kind, more="x-gitops: {adopt: true}\n")}
    commit(story, adopting)
    story.history.accept(story.source.fetch())
    silence(story, other)
    story.sync()
    apps = {each.labels["gitops-orch.app"] for each in story.fleet.world(home).containers.values()}
    assert name not in apps
    assert other in holds(story)[f"default/{name}"]
