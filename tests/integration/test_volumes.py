"""A volume whose definition changed, on a real Engine: kept until Git agrees to the loss of its data, then made anew."""

import re

from integration.world import World, compose, service

APP = "apps/store/compose.yaml"
WORDS = re.compile(r"removes-data-[0-9a-f]{12}")
WRITER = ["sh", "-c", "test -e /rows/mark || echo $$HOSTNAME > /rows/mark; exec serve"]


def store(options: dict[str, str], words: str = "") -> str:
    agreed = {"x-gitops": {"replace_volumes": {"rows": [words]}}} if words else {}
    db = service(command=WRITER, volumes=["rows:/rows"])
    return compose({"db": db, "front": service()}, volumes={"rows": {"driver_opts": options}}, **agreed)


def mark(world: World) -> str:
    with world.host.client() as client:
        made = client.exec_create(world.one("store/db").id, ["cat", "/rows/mark"])
        return client.exec_start(made["Id"]).decode()


def test_a_volume_is_replaced_only_with_the_words_that_its_plan_asks_for(world: World):
    world.commit({APP: store({})})
    world.converge()
    old, front = mark(world), world.one("store/front").id

    world.commit({APP: store({"type": "tmpfs", "device": "tmpfs"})})
    reply = world.deploy()
    assert mark(world) == old
    plan = world.run("plan")
    assert plan.actions == []
    [words] = set(WORDS.findall(plan.text))

    world.commit({APP: store({"type": "tmpfs", "device": "tmpfs"}, words)})
    reply = world.converge()

    done = [action["kind"] for action in reply.document["actions"]]
    assert done == ["stop", "remove", "remove_volume", "create_volume", "create", "start", "wait_healthy"]
    assert mark(world) != old
    assert world.one("store/front").id == front
    with world.host.client() as client:
        assert client.inspect_volume("store_rows")["Options"]["type"] == "tmpfs"

    world.revert_head()
    world.deploy()
    assert mark(world) != old
    assert world.run("plan").actions == []
