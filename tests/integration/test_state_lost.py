"""The state directory can go: Git and labels tell all that is needed, and no container is restarted."""

import shutil

from integration.world import World, compose, service

WEB = "apps/web/compose.yaml"


def files() -> dict[str, str]:
    front = service(volumes=["./www:/www:ro"], environment={"COLOUR": "green"})
    back = service("stub:healthy-1", volumes=["rows:/rows"])
    return {
        WEB: compose({"front": front, "back": back}, volumes={"rows": {}}),
        "apps/web/www/index.html": "hello\n",
    }


def test_the_next_sync_restarts_nothing_and_has_nothing_to_do(world: World):
    world.commit(files())
    world.deploy()
    before = world.containers()

    shutil.rmtree(world.state)
    reply = world.converge()

    assert reply.actions == []
    assert world.containers() == before


def test_the_way_back_is_still_known(world: World):
    world.commit({WEB: compose({"front": service("stub:1")})})
    world.deploy()
    shutil.rmtree(world.state)
    world.converge()

    world.commit(
        {WEB: compose({"front": service("stub:crash", deploy={"update_config": {"monitor": "2s"}})})}
    )
    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert [seen.image for seen in world.ours() if seen.state == "running"] == ["stub:1"]


def test_a_release_that_failed_before_is_not_tried_again(world: World):
    world.commit({WEB: compose({"front": service("stub:1")})})
    world.deploy()
    world.commit(
        {WEB: compose({"front": service("stub:crash", deploy={"update_config": {"monitor": "2s"}})})}
    )
    assert world.sync().exit_code == 4

    shutil.rmtree(world.state)
    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert "create" not in reply.kinds
    assert [seen.image for seen in world.ours() if seen.state == "running"] == ["stub:1"]


def test_an_app_that_left_git_in_the_meantime_is_still_known_as_ours(world: World):
    world.commit(files() | {"apps/shop/compose.yaml": compose({"api": service()})})
    world.deploy()
    shutil.rmtree(world.state)

    world.commit({"apps/shop/compose.yaml": None})
    world.converge()

    assert {seen.service for seen in world.ours()} == {"web/front", "web/back"}
