"""Two repositories and two state directories on one real Engine, with no instance set."""

import shutil

from integration.console import Console
from integration.world import World, compose, service
from lab.host import LabHost


def held(world: World) -> dict[str, str]:
    return {hold["subject"]: hold["reason"] for hold in world.run("plan").document["holds"]}


def test_neither_controller_removes_the_others_apps_or_proposes_it(
    engine_host: LabHost, console: Console, tmp_path
):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (
        World(tmp_path / "a", (engine_host,), console),
        World(tmp_path / "b", (engine_host,), console),
    )
    first.commit(
        {"a1/compose.yaml": compose({"web": service()}), "a2/compose.yaml": compose({"web": service()})}
    )
    second.commit(
        {"b1/compose.yaml": compose({"web": service()}), "b3/compose.yaml": compose({"web": service()})}
    )
    first.deploy()
    second.deploy()
    first.deploy()
    assert len(first.containers()) == 4

    for world, others in ((first, ("b1",)), (second, ("a1", "a2"))):
        for name in others:
            reason = held(world)[f"default/{name}"]
            assert "was never in this repository" in reason
            assert "`instance`" in reason
            assert "Allow-Prune" not in reason
        assert "holds and pins" not in held(
            world
        )  # what another controller made is no sign of a lost history
        assert world.run("status").exit_code == 0

    second.commit({"b2/compose.yaml": compose({"web": service()}), "b1/compose.yaml": None})
    second.deploy()
    assert {seen.service for seen in second.containers() if not seen.aside} == {
        "a1/web",
        "a2/web",
        "b2/web",
        "b3/web",
    }

    shutil.rmtree(first.state)
    first.deploy()
    assert {seen.service for seen in first.containers() if not seen.aside} == {
        "a1/web",
        "a2/web",
        "b2/web",
        "b3/web",
    }
    assert "was never in this repository" in held(first)["default/b2"]
    assert "holds and pins" in held(first)
