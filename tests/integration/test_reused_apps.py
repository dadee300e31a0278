"""What runs as an app stays one on a real Engine when another app reuses its file."""

import shutil

from integration.world import World, compose, service

SHOP, BLOG, WIKI = "shop/compose.yaml", "blog/compose.yaml", "wiki/compose.yaml"
EXTENDS = {"page": {"extends": {"file": "../shop/compose.yaml", "service": "api"}}}


def services(world: World) -> set[str]:
    return {seen.service for seen in world.containers() if not seen.aside}


def test_apps_that_are_extended_or_included_stay_and_leave_only_when_it_is_said(world: World):
    world.commit({SHOP: compose({"api": service()}), WIKI: compose({"page": service()}, name="docs")})
    world.deploy()
    before = {seen.id for seen in world.containers()}

    world.commit({BLOG: compose({"front": EXTENDS["page"]}, include=["../wiki/compose.yaml"])})
    world.converge()
    assert services(world) == {"shop/api", "docs/page", "blog/front", "blog/page"}
    assert {seen.id for seen in world.containers()} >= before

    shutil.rmtree(world.state)
    world.commit({SHOP: compose({"api": service("stub:2")})})
    world.deploy()
    assert world.one("shop/api").image == "stub:2"
    assert world.one("docs/page").id in before

    fragment = {"x-gitops": {"fragment": True}}
    world.commit({WIKI: compose({"page": service()}, name="docs", **fragment)})
    reply = world.sync()
    assert world.one("docs/page").id in before
    held = {hold["subject"]: hold["reason"] for hold in reply.document["holds"]}["default/docs"]
    assert WIKI in held
    assert BLOG in held

    world.commit({}, message="docs is a part of blog now\n\nAllow-Prune: default/docs\n")
    world.converge()
    assert services(world) == {"shop/api", "blog/front", "blog/page"}
