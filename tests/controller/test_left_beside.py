"""A service that gets another name on the way into Git is no second writer of its data, and does not start without it."""

import pytest

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.model.observed import ObservedMount, State
from tests.story import Scenario

DATA = "/var/lib/postgresql/data"
HOME = "/home/me/shop/data"


def mount(source: str, target: str = DATA) -> ObservedMount:
    return ObservedMount(kind="bind" if source.startswith("/") else "volume", source=source, target=target)


def composed(
    story: Scenario, service: str, *mounts: ObservedMount, image: str = "postgres:16", oneoff: bool = False
) -> None:
    """Run what `docker compose up` of a project `shop` would have started."""
    world = story.world
    for each in mounts:
        if each.kind == "volume" and each.source not in world.volumes:
            requests.add_volume(world, each.source, driver="local", labels={})
    requests.pull(world, story.fleet.registry, image)
    found = world.find_image(image)
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": service}
    container = SimulatedContainer(
        id=world.new_id(),
        name=f"shop-{service}-1",
        image=image,
        image_id=found.id,
        behaviour=found.behaviour,
        created_at=world.now,
        labels=labels | {"com.docker.compose.oneoff": str(oneoff)},
        restart_policy="always",
        mounts=mounts,
        volumes=tuple(each.source for each in mounts if each.kind == "volume"),
    )
    requests.add(world, container)
    requests.start(world, container)


def shop(
    name: str,
    source: str,
    *,
    more: str = "",
    target: str = DATA,
    image: str = "postgres:16",
    volumes: str = "",
) -> dict[str, str]:
    text = (
        f"x-gitops: {{adopt: true}}\nservices:\n  {name}:\n    image: {image}\n    volumes: ['{source}:{target}']\n{more}"
        f"volumes: {{{volumes}data: {{}}, own: {{name: own}}}}\n"
    )
    return {"shop/compose.yaml": text}


def states(story: Scenario) -> dict[str, State]:
    return {each.labels["com.docker.compose.service"]: each.state for each in story.world.containers.values()}


def sources(story: Scenario) -> set[str]:
    return {each.source for found in story.world.containers.values() for each in found.mounts}


SECOND_WRITERS = {
    "the project's volume": ("shop_data", "data", DATA),
    "an absolute path": ("/srv/db", "/srv/db", DATA),
    "a volume at another path": ("shop_data", "data", "/backup"),
    "a volume with a name": ("own", "own", DATA),
}


@pytest.mark.parametrize(("has", "wants", "target"), SECOND_WRITERS.values(), ids=SECOND_WRITERS)
def test_a_second_writer_is_not_started_beside_what_is_left_alone(has, wants, target):
    story = Scenario()
    composed(story, "db", mount(has))
    story.commit(shop("postgres", wants, target=target, image="other:1"))
    assert story.sync().exit_code == 1
    assert states(story) == {"db": State.RUNNING}
    (hold,) = story.plan().holds
    assert hold.error
    for word in ("shop-db-1", "service db", "postgres", has, "container_name: shop-db-1"):
        assert word in hold.reason


START_WITHOUT = {
    "a relative path": (HOME, "./data"),
    "another volume than the old one": ("db_files", "data"),
    "a relative path where a volume was": ("shop_data", "./data"),
    "a volume where a path was": (HOME, "data"),
    "a volume where an anonymous one was": ("e" * 64, "data"),
}


@pytest.mark.parametrize(("has", "wants"), START_WITHOUT.values(), ids=START_WITHOUT)
@pytest.mark.parametrize("stopped", [False, True], ids=["it runs", "it was stopped"])
def test_a_service_does_not_start_without_the_data_that_is_left_alone(has, wants, stopped):
    story = Scenario()
    composed(story, "db", mount(has))
    (old,) = story.world.containers.values()
    if stopped:
        requests.stop(story.world, old, killed=False)
    story.commit(shop("postgres", wants))
    assert story.sync().exit_code == 1
    assert set(states(story)) == {"db"}
    (hold,) = story.plan().holds
    assert "without that data" in hold.reason
    assert "an anonymous volume" in hold.reason if has.startswith("e") else has in hold.reason


def test_the_lines_of_the_message_take_it_over_with_its_data():
    for name, more in (("db", ""), ("postgres", "    container_name: shop-db-1\n")):
        story = Scenario()
        composed(story, "db", mount(HOME))
        story.commit(shop("postgres", "./data"))
        story.sync()
        story.commit(shop(name, "./data", more=more))
        assert story.sync().exit_code == 0
        assert states(story) == {name: State.RUNNING}
        assert sources(story) == {HOME}


def test_it_starts_without_the_data_where_that_is_accepted_or_named():
    for accepted, wants in ((True, "./data"), (False, "/srv/new"), (False, "own")):
        story = Scenario()
        composed(story, "db", mount(HOME))
        story.commit(shop("postgres", wants))
        if accepted:
            story.history.accept(story.source.fetch())
        assert story.sync().exit_code == 0
        assert states(story) == {"db": State.RUNNING, "postgres": State.RUNNING}


UNCONCERNED = {
    "other data": ("cache", (mount("shop_cache", "/cache"),), False),
    "nothing": ("cache", (), False),
    "the data that the old service shared with it": ("backup", (mount("shop_data", DATA),), False),
    "the data, in a command that was run once": ("db", (mount("shop_data", DATA),), True),
}


@pytest.mark.parametrize(("service", "mounts", "oneoff"), UNCONCERNED.values(), ids=UNCONCERNED)
def test_what_is_left_alone_keeps_nothing_else_from_being_taken_over(service, mounts, oneoff):
    story = Scenario()
    composed(story, "db", mount("shop_data"))
    if oneoff:
        service = "run"
    composed(story, service, *mounts, oneoff=oneoff)
    story.commit(shop("db", "data"))
    assert story.sync().exit_code == 0
    assert states(story) == {"db": State.RUNNING, service: State.RUNNING}


def test_a_service_that_is_added_to_an_adopted_app_later_is_held_too():
    story = Scenario()
    composed(story, "web", mount("shop_files", "/files"), image="web:1")
    composed(story, "db", mount("shop_data"))
    story.commit(shop("web", "files", target="/files", image="web:1", more="", volumes="files: {}, "))
    assert story.sync().exit_code == 0
    assert states(story) == {"web": State.RUNNING, "db": State.RUNNING}
    postgres = "  postgres: {image: 'postgres:16', volumes: ['data:/var/lib/postgresql/data']}\n"
    story.commit(shop("web", "files", target="/files", image="web:1", more=postgres, volumes="files: {}, "))
    assert story.sync().exit_code == 1
    assert states(story) == {"web": State.RUNNING, "db": State.RUNNING}
    assert "shop-db-1" in story.plan().holds[0].reason


def test_what_ran_before_is_healed_whatever_a_person_starts_beside_it():
    story = Scenario()
    story.commit(shop("postgres", "data"))
    assert story.sync().exit_code == 0
    story.world.containers.clear()
    composed(story, "db", mount("shop_data"))
    assert story.sync().exit_code == 0
    assert states(story) == {"db": State.RUNNING, "postgres": State.RUNNING}
