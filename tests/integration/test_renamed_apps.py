"""An app or a volume under another name never starts without its data on a real Engine."""

import json

from integration.world import World, compose, service

BLOG, WEBLOG = "blog/compose.yaml", "weblog/compose.yaml"


def stack(key: str, source: str) -> str:
    database = service(volumes=[f"{source}:/data"])
    return compose({"web": service(), "db": database}, **({"volumes": {key: {}}} if key else {}))


def held(world: World) -> dict[str, str]:
    return {hold["subject"]: hold["reason"] for hold in world.run("plan").document["holds"]}


def test_a_renamed_directory_and_a_renamed_volume_are_held_with_the_way_out(world: World):
    text = stack("data", "data")
    world.commit({BLOG: text, "plain/compose.yaml": compose({"page": service("stub:2")})})
    world.deploy()
    before = world.containers()
    before_ids = {seen.service: seen.id for seen in before}

    world.commit({BLOG: None, WEBLOG: text})
    reply = world.sync()
    assert reply.exit_code == 1
    assert world.containers() == before
    reasons = held(world)
    assert "db has volume blog_data at /data" in reasons["default/weblog"]
    assert f"write `name: blog` in {WEBLOG}" in reasons["default/weblog"]
    assert "default/weblog" in reasons["default/blog"]

    with world.host.client() as client:
        client.stop(world.one("blog/db").id, timeout=1)
    world.sync()
    assert (world.one("blog/db").state, world.one("blog/db").id) == ("running", before_ids["blog/db"])
    before = world.containers()

    world.commit({WEBLOG: json.dumps({"name": "blog", **json.loads(text)})})
    world.converge()
    assert world.containers() == before

    world.commit({WEBLOG: None, BLOG: stack("pgdata", "pgdata")})
    assert world.sync().exit_code == 1
    assert world.containers() == before
    assert "write `name: blog_data` below that volume" in held(world)["default/blog"]

    world.commit({BLOG: stack("", "./data")})
    world.commit(
        {BLOG: text, "plain/compose.yaml": None, "page/compose.yaml": compose({"page": service("stub:2")})}
    )
    reply = world.converge()
    steps = [(step["kind"], step["app"]) for step in reply.actions]
    assert steps.index(("wait_healthy", "page")) < steps.index(("remove", "plain"))
    assert {seen.service for seen in world.containers() if not seen.aside} == {
        "blog/web",
        "blog/db",
        "page/page",
    }


def test_a_renamed_app_starts_without_its_data_only_when_a_commit_allows_it(world: World):
    text = stack("", "./data")
    world.commit({BLOG: text, "plain/compose.yaml": compose({"page": service("stub:2")})})
    world.deploy()
    before = world.containers()

    world.commit({BLOG: None, "deeper/blog/compose.yaml": compose({"web": service()}, name="journal")})
    world.commit({"deeper/blog/compose.yaml": None, "journal/compose.yaml": text})
    assert world.sync().exit_code == 1
    assert world.containers() == before
    assert "/default/blog/data at /data" in held(world)["default/journal"]

    world.commit({}, message="the old posts are in the archive\n\nAllow-Prune: default/blog\n")
    world.converge()
    assert {seen.service for seen in world.containers() if not seen.aside} == {
        "journal/web",
        "journal/db",
        "plain/page",
    }
