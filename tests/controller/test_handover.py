"""Data that passes from one service or app to another has one writer at any moment, whatever fails."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from tests.story import Scenario

PLACES = {"a volume": "data:/d", "a directory of the host": "/srv/data:/d"}


class Watched(Scenario):
    """A story in which every start is asked: who else writes to this data now?"""

    def __init__(self) -> None:
        images = {
            "shop:1": ImageBehaviour(),
            "shop:2": ImageBehaviour(),
            "bad:1": ImageBehaviour(exits_after_s=1, exit_code=1),
            "late:1": ImageBehaviour(exits_after_s=8, exit_code=1),
        }
        super().__init__(images)
        self.fleet.faults = self
        self.together: set[tuple[str, ...]] = set()

    def decide(self, _host: str, _operation: str) -> None:
        """Stand where faults stand: nothing goes wrong, and each request is a moment to look."""
        self.look()

    def sync(self):
        report = super().sync()
        self.look()
        return report

    def look(self) -> None:
        writers = [
            each
            for each in self.world.containers.values()
            if each.state is State.RUNNING and any(mount.target == "/d" for mount in each.mounts)
        ]
        if len(writers) > 1:
            self.together.add(tuple(sorted(each.name for each in writers)))

    def users(self) -> list[str]:
        return sorted(
            each.labels["com.docker.compose.service"]
            for each in self.world.containers.values()
            if each.state is State.RUNNING and any(mount.target == "/d" for mount in each.mounts)
        )

    def running(self) -> list[str]:
        return sorted(
            each.labels["com.docker.compose.service"]
            for each in self.world.containers.values()
            if each.state is State.RUNNING
        )


@pytest.fixture
def story() -> Watched:
    return Watched()


def mounting(place: str) -> str:
    return f'volumes: ["{place}"]' if place else "labels: {}"


def apps(one: str, two: str, image: str = "shop:1", more: str = "") -> dict[str, str]:
    """Two apps, `a` in `one` and `b` in `two`, with the data at the places given."""
    own, other = "volumes: {data: {name: data}}", "volumes: {data: {name: data, external: true}}"
    return {
        "apps/one/compose.yaml": f'{own}\nservices:\n  a: {{image: "{image}", {mounting(one)}}}\n{more}',
        "apps/two/compose.yaml": f'{other}\nservices:\n  b: {{image: "shop:1", {mounting(two)}}}\n',
    }


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_data_passes_to_another_app_in_one_run(story, place):
    story.commit(apps(place, ""))
    assert story.sync().exit_code == 0
    story.commit(apps("", place))
    assert story.sync().exit_code == 0
    assert (story.users(), story.together) == (["b"], set())
    assert (story.plan().actions, story.plan().holds) == ((), ())


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_app_whose_release_fails_keeps_its_data(story, place):
    story.commit(apps(place, ""))
    story.sync()
    story.commit(apps("", place, "bad:1"))
    assert story.sync().exit_code == 4
    assert (story.users(), story.together, story.running()) == (["a"], set(), ["a", "b"])
    story.commit(apps("", place, "shop:2"))
    assert story.sync().exit_code == 0
    assert (story.users(), story.together, story.running()) == (["b"], set(), ["a", "b"])


def test_an_app_that_fails_after_its_data_has_passed_on_gets_it_back(story):
    more = '  c: {image: "IMAGE", depends_on: [a]}\n'
    story.commit(apps("data:/d", "", more=more.replace("IMAGE", "shop:1")))
    story.sync()
    story.commit(apps("", "data:/d", more=more.replace("IMAGE", "late:1")))
    assert story.sync().exit_code == 4
    story.sync()
    assert (story.users(), story.together, story.running()) == (["a"], set(), ["a", "b", "c"])


def test_two_services_that_share_a_volume_run_together(story):
    both = apps("data:/d", "data:/d")
    story.commit({**both, "apps/two/compose.yaml": 'services: {b: {image: "shop:1"}}'})
    story.sync()
    story.commit(both)
    assert story.sync().exit_code == 0
    assert story.users() == ["a", "b"]


@pytest.mark.parametrize("operation", ["create", "stop", "start", "rename"])
def test_a_crash_in_between_leaves_one_writer(story, operation):
    story.commit(apps("data:/d", ""))
    story.sync()
    story.commit(apps("", "data:/d"))
    story.crash_at(operation, after=True)
    story.sync()
    assert (story.users(), story.together, story.running()) == (["b"], set(), ["a", "b"])
