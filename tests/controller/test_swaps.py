"""What swaps, moves or gets another name takes one run; and goes back together."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from tests.story import Scenario


@pytest.fixture
def story() -> Scenario:
    return Scenario({"shop:1": ImageBehaviour(), "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1)})


def pair(one: str, two: str, *, below: str = "") -> dict[str, str]:
    """Two services of one app; `one` may depend on `two`."""
    return {
        "apps/s/compose.yaml": f"""
            services:
              a: {{image: "shop:1", {one}, {below}}}
              b: {{image: "shop:1", {two}}}
            volumes: {{data: }}
            """
    }


def running(story):
    return {
        each.labels["com.docker.compose.service"]: each
        for each in story.world.containers.values()
        if each.state is State.RUNNING
    }


BELOW = "depends_on: [b]"
CHANGES = {
    "ports": ('ports: ["1:80"]', 'ports: ["2:80"]', 'ports: ["2:80"]', 'ports: ["1:80"]'),
    "names": ("container_name: x1", "container_name: y1", "container_name: y1", "container_name: x1"),
    "a volume": ('volumes: ["data:/d"]', "labels: {}", "labels: {}", 'volumes: ["data:/d"]'),
    "a port": ('ports: ["1:80"]', "labels: {}", "labels: {}", 'ports: ["1:80"]'),
}


@pytest.mark.parametrize("below", ["", BELOW], ids=["apart", "dependent"])
@pytest.mark.parametrize("what", CHANGES, ids=str)
def test_one_run_is_enough(story, what, below):
    one, two, one_after, two_after = CHANGES[what]
    story.commit(pair(one, two, below=below))
    assert story.sync().exit_code == 0
    story.commit(pair(one_after, two_after, below=below))
    assert story.sync().exit_code == 0
    assert set(running(story)) == {"a", "b"}
    assert (story.plan().actions, story.plan().holds) == ((), ())


def test_a_swap_that_fails_goes_back_as_a_whole(story):
    one, two, one_after, two_after = CHANGES["ports"]
    story.commit(pair(one, two, below=BELOW))
    story.sync()
    files = pair(one_after, two_after, below=BELOW)
    story.commit({path: text.replace('"shop:1"', '"bad:1"', 1) for path, text in files.items()})
    assert story.sync().exit_code == 4
    assert {name: each.ports[0][1] for name, each in running(story).items()} == {"a": 1, "b": 2}


def test_a_service_gets_another_name_and_keeps_its_container_name(story):
    def renamed(service):
        return {
            "apps/s/compose.yaml": f"""
            services:
              {service}: {{image: "shop:1", container_name: pg, volumes: ["data:/data"]}}
            volumes: {{data: }}
            """,
            "apps/t/compose.yaml": 'services: {x: {image: "shop:1"}, y: {image: "shop:1"}}',
        }

    story.commit(renamed("db"))
    story.sync()
    story.commit(renamed("postgres"))
    assert story.sync().exit_code == 0
    assert running(story)["postgres"].name == "pg"
    assert (story.plan().actions, story.plan().holds) == ((), ())


def apps(one: int, two: int, image: str = "shop:1", *, depends: str = "") -> dict[str, str]:
    top = f"x-gitops: {{depends_on: [{depends}]}}" if depends else ""
    return {
        "apps/one/compose.yaml": f'services: {{a: {{image: "{image}", ports: ["{one}:80"]}}}}',
        "apps/two/compose.yaml": f'services: {{b: {{image: "shop:1", ports: ["{two}:80"]}}}}\n{top}',
    }


@pytest.mark.parametrize("depends", ["", "one"])
def test_two_apps_swap_their_ports_in_one_run(story, depends):
    story.commit(apps(1, 2, depends=depends))
    assert story.sync().exit_code == 0
    story.commit(apps(2, 1, depends=depends))
    assert story.sync().exit_code == 0
    assert {name: each.ports[0][1] for name, each in running(story).items()} == {"a": 2, "b": 1}
    assert (story.plan().actions, story.plan().holds) == ((), ())


def test_two_apps_that_swapped_go_back_together(story):
    story.commit(apps(1, 2))
    story.sync()
    story.commit(apps(2, 1, "bad:1"))
    assert story.sync().exit_code == 4
    assert {name: each.ports[0][1] for name, each in running(story).items()} == {"a": 1, "b": 2}
    assert story.plan().actions == ()
    story.commit(apps(2, 1))
    assert story.sync().exit_code == 0
    assert {name: each.ports[0][1] for name, each in running(story).items()} == {"a": 2, "b": 1}


def moving(shop: str, blog: str) -> dict[str, str]:
    """Two apps that stay, with what may move between them."""
    keep = '{image: "shop:1"}'
    return {
        f"apps/{name}/compose.yaml": f"services: {{keep: {keep}{more}}}\nvolumes: {{data: {{name: rows}}}}\n"
        for name, more in (("shop", shop), ("blog", blog))
    }


MOVED = {
    "a service": (', web: {image: "shop:1", ports: ["1:80"]}', ', web: {image: "bad:1", ports: ["1:80"]}'),
    "under another name": (
        ', web: {image: "shop:1", ports: ["1:80"]}',
        ', front: {image: "bad:1", restart: "no", ports: ["1:80"]}',
    ),
    "a name": (
        ', web: {image: "shop:1", container_name: x1}',
        ', web: {image: "bad:1", container_name: x1}',
    ),
}


@pytest.mark.parametrize("what", MOVED, ids=str)
def test_what_moves_to_an_app_that_fails_serves_again_where_it_was(story, what):
    before, failing = MOVED[what]
    story.commit(moving(before, ""))
    assert story.sync().exit_code == 0
    story.commit(moving("", failing))
    assert story.sync().exit_code == 4
    assert running(story)["web"].labels["com.docker.compose.project"] == "shop"
    rows = {row.key.name: row for row in story.reconciler.read_status().apps}
    assert "waits for default/blog, because its release, which was to get" in rows["shop"].reason
    story.reconciler = story._reconciler()
    assert story.plan().actions == ()
    story.commit(moving("", failing.replace("bad:1", "shop:1")))
    assert story.sync().exit_code == 0
    (moved,) = [each for name, each in running(story).items() if name != "keep"]
    assert moved.labels["com.docker.compose.project"] == "blog"
    assert story.plan().actions == ()


def test_an_app_that_gave_its_port_up_long_ago_does_not_go_back_for_another_one(story):
    port = ', web: {image: "shop:1", ports: ["1:80"]}'
    for tree in (moving(port, ""), moving("", "")):
        story.commit(tree)
        assert story.sync().exit_code == 0
    story.commit(moving("", MOVED["a service"][1]))
    assert story.sync().exit_code == 4
    rows = {row.key.name: row for row in story.reconciler.read_status().apps}
    assert (rows["shop"].sync.value, rows["shop"].reason) == ("in-sync", "")
