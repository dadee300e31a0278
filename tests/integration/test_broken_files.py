"""A Compose file that breaks keeps its app running on a real Engine, by history and by labels alone."""

import shutil

from integration.world import World, compose, service

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"
)
SHOP, WIKI, WEB = "shop/compose.yaml", "wiki/compose.yaml", "web/compose.yaml"


def test_apps_with_names_of_their_own_outlive_their_broken_files(world: World):
    world.commit(
        {
            SHOP: compose({"api": service()}, name="store"),
            WIKI: compose({"page": service()}, **{"x-gitops": {"namespace": "docs"}}),
            WEB: compose({"front": service()}),
        }
    )
    world.deploy()
    before = world.containers()

    for content in ("- services\n", POINTER, "{}\n"):
        world.commit({SHOP: content, WIKI: content})
        reply = world.sync()
        assert world.containers() == before
        assert reply.exit_code == 1
        held = {hold["subject"]: hold["reason"] for hold in reply.document["holds"]}
        assert SHOP in held["default/store"]
        assert WIKI in held["docs/wiki"]

    with world.host.client() as client:
        client.stop(world.one("store/api").id, timeout=1)
        client.remove_container(world.one("wiki/page").id, force=True)
    world.sync()
    assert {(seen.service, seen.state) for seen in world.containers()} == {
        ("store/api", "running"),
        ("wiki/page", "running"),
        ("web/front", "running"),
    }
    before = world.containers()

    shutil.rmtree(world.state)
    reply = world.sync()
    assert world.containers() == before
    assert {"default/store", "docs/wiki"} <= {hold["subject"] for hold in reply.document["holds"]}

    world.commit({SHOP: None, WIKI: None, "moved/compose.yaml": "42\n"})
    reply = world.sync()
    assert world.containers() == before
    assert "moved/compose.yaml cannot be read: it may be there" in reply.text

    world.commit({"moved/compose.yaml": None})
    world.deploy()
    assert {seen.service for seen in world.containers() if not seen.aside} == {"web/front"}
