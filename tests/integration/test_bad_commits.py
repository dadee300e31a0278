"""What Git may do to us: nothing is touched, and the message says why."""

import shutil
from collections.abc import Callable

import pytest
from integration.world import World, compose, service

WEB, SHOP = "apps/web/compose.yaml", "apps/shop/compose.yaml"


@pytest.fixture
def deployed(world: World) -> World:
    world.commit({WEB: compose({"front": service()}), SHOP: compose({"api": service()})})
    world.deploy()
    return world


def empty_the_tree(world: World) -> None:
    world.repository.commit({})


def delete_the_branch(world: World) -> None:
    head = world.repository.head()
    world.repository.git("update-ref", "refs/heads/other", head)
    world.repository.git("update-ref", "-d", "refs/heads/main")


def delete_the_repository(world: World) -> None:
    shutil.rmtree(world.repository.path)


def break_every_file(world: World) -> None:
    world.commit({WEB: "services: [\n", SHOP: "services: {api: {imagine: stub:1}}\n"})


def rewrite_history(world: World) -> None:
    world.repository.commit(world.repository.tree({WEB: world.files[WEB]}), parents=())


def leave_hosts_only(world: World) -> None:
    world.commit({WEB: None, SHOP: None})


DISASTERS: dict[str, tuple[Callable[[World], None], tuple[str, ...]]] = {
    "the tree was emptied": (empty_the_tree, ("no Host document is left",)),
    "every app was deleted": (leave_hosts_only, ("all 2 containers left Git",)),
    "the branch was deleted": (delete_the_branch, ("main", "other")),
    "the repository vanished": (delete_the_repository, ("forge.git",)),
    "no file can be parsed": (break_every_file, (f"{WEB}:2:", f"{SHOP}:1:18: services.api.imagine")),
    "history was rewritten": (rewrite_history, ("does not descend from", "gitops-orch accept")),
}


@pytest.mark.parametrize("disaster", DISASTERS)
def test_nothing_is_touched_when(deployed: World, disaster: str):
    happen, said = DISASTERS[disaster]
    before = deployed.containers()

    happen(deployed)
    plan, reply = deployed.run("plan"), deployed.sync()

    assert deployed.containers() == before
    assert (plan.exit_code, reply.exit_code) == (1, 1), reply.text
    for words in said:
        assert words in reply.text
        assert words in plan.text


def test_a_deleted_hosts_directory_sends_nothing_to_the_controllers_own_machine(deployed: World):
    before = deployed.containers()
    deployed.settings["DOCKER_HOST"] = deployed.host.unix

    deployed.commit({"hosts/h1.yaml": None})
    reply = deployed.sync()

    assert deployed.containers() == before
    assert reply.exit_code == 1, reply.text
    assert "host" in reply.text


def test_a_commit_without_a_change_touches_nothing_and_is_in_sync(deployed: World):
    before = deployed.containers()

    head = deployed.commit({}, message="only words")
    reply = deployed.converge()

    assert reply.document["commit"] == head
    assert reply.actions == []
    assert deployed.containers() == before


def test_an_app_whose_file_cannot_be_parsed_keeps_running_while_the_others_follow_git(deployed: World):
    front = deployed.one("web/front")

    deployed.commit({WEB: "services:\n  front: {image: stub:1\n", SHOP: compose({"api": service("stub:2")})})
    reply = deployed.sync()

    assert reply.exit_code == 1
    assert f"{WEB}:" in reply.text
    assert reply.app("shop")["sync"] == "in-sync"
    assert any(hold["subject"] == "default/web" and WEB in hold["reason"] for hold in reply.document["holds"])
    assert deployed.one("web/front") == front
    assert deployed.one("shop/api").image == "stub:2"


def test_a_branch_that_came_back_is_followed_again(deployed: World):
    head = deployed.repository.head()
    delete_the_branch(deployed)
    assert deployed.sync().exit_code == 1

    deployed.repository.git("update-ref", "refs/heads/main", head)
    deployed.commit({SHOP: compose({"api": service("stub:2")})})
    deployed.deploy()

    assert deployed.one("shop/api").image == "stub:2"


def test_what_is_broken_by_hand_is_healed_while_git_is_away(deployed: World):
    lost = deployed.one("web/front")
    shutil.rmtree(deployed.repository.path)
    with deployed.host.client() as client:
        client.remove_container(lost.id, force=True)

    reply = deployed.sync()

    assert reply.exit_code == 1
    assert deployed.one("web/front").state == "running"


def test_a_rewritten_history_is_followed_once_it_was_accepted(deployed: World):
    files = deployed.files | {SHOP: compose({"api": service("stub:2")})}
    forced = deployed.repository.commit(deployed.repository.tree(files), parents=())
    assert deployed.sync().exit_code == 1

    assert deployed.run("accept", forced).exit_code == 0
    deployed.deploy()

    assert deployed.one("shop/api").image == "stub:2"
