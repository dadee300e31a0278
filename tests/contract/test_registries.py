"""What a tag names in its registry, asked without a pull: the simulated registry answers as a real one does."""

import pytest
from contract.worlds import SimulatedHost, World
from lab.registry import Registry

from gitops_orch.errors import ImageUnavailable
from gitops_orch.model.app import AppKey


class Pushes:
    """Pushes stub images under one tag."""

    def __init__(self, world: World, registry: Registry | None, name: str) -> None:
        self._world = world
        self._registry = registry
        self._name = name
        self.reference = f"{registry.address}/{name}:prod" if registry else f"registry.test/{name}:prod"

    def __call__(self, image: str) -> None:
        if self._registry is None:
            behaviour = self._world.engine.registry.find(image).behaviour
            self._world.engine.registry.push(self.reference, behaviour)
        else:
            self._registry.push(self._world.host, image, name=f"{self._name}:prod")


@pytest.fixture
def push(world: World, key: AppKey, request: pytest.FixtureRequest) -> Pushes:
    real = not isinstance(world, SimulatedHost)
    return Pushes(world, request.getfixturevalue("registry") if real else None, f"contract/{key.name}")


def test_the_digest_follows_the_tag_and_nothing_is_pulled(world: World, push: Pushes) -> None:
    push("stub:1")
    first = world.engine.registry_digest(push.reference)
    push("stub:2")
    second = world.engine.registry_digest(push.reference)
    push("stub:1")

    assert first.startswith("sha256:")
    assert second.startswith("sha256:")
    assert first != second
    assert world.engine.registry_digest(push.reference) == first
    assert push.reference not in {tag for image in world.engine.observe().images for tag in image.tags}


def test_it_is_the_digest_that_a_pull_of_the_tag_brings(world: World, push: Pushes) -> None:
    push("stub:2")
    digest = world.engine.registry_digest(push.reference)
    world.engine.pull(push.reference)
    (image,) = (each for each in world.engine.observe().images if push.reference in each.tags)
    assert f"{push.reference.rpartition(':')[0]}@{digest}" in image.digests


def test_a_registry_that_does_not_answer_is_an_image_that_cannot_be_had(world: World) -> None:
    nowhere = "127.0.0.1:9/front:prod"
    if isinstance(world, SimulatedHost):
        world.engine.registry.outage = "connection refused"
    with pytest.raises(ImageUnavailable, match="front:prod") as caught:
        world.engine.registry_digest(nowhere)
    assert "h1" in caught.value.message


def test_no_registry_is_asked_for_an_image_that_is_there_for_the_platform(world: World) -> None:
    if isinstance(world, SimulatedHost):
        world.engine.registry.outage = "connection refused"
    pulled = world.engine.pull("stub:1", platform="linux/amd64", local_suffices=True)
    (there,) = (image for image in world.engine.observe().images if "stub:1" in image.tags)
    assert pulled.id == there.id


def test_an_image_that_is_not_there_is_pulled_for_its_platform(world: World, push: Pushes) -> None:
    push("stub:2")
    pulled = world.engine.pull(push.reference, platform="linux/amd64", local_suffices=True)
    (there,) = (image for image in world.engine.observe().images if push.reference in image.tags)
    assert pulled.id == there.id
