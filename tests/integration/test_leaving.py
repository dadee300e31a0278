"""What leaves Git on real Engines: apps that ask to be confirmed, and hosts that are drained or let go."""

from integration.world import World, compose, host_document, service

WEB, SHOP = "apps/web/compose.yaml", "apps/shop/compose.yaml"
CONFIRM = {"x-gitops": {"prune": "confirm"}}


def test_an_app_that_asks_to_be_confirmed_goes_with_the_trailer_and_not_before(world: World):
    world.commit({WEB: compose({"front": service()}, **CONFIRM), SHOP: compose({"api": service()})})
    world.deploy()

    world.commit({WEB: None})
    kept = world.sync()
    assert [action for action in kept.actions if action["app"] == "web"] == []
    assert len(world.ours("web/front")) == 1
    assert "Allow-Prune: default/web" in kept.text

    world.commit({}, message="Remove the web\n\nAllow-Prune: web")
    world.converge()
    assert (world.ours("web/front"), len(world.ours("shop/api"))) == ([], 1)


def test_a_plan_that_takes_away_too_much_is_refused_until_a_trailer_names_the_apps(world: World):
    apps = {f"apps/a{number}/compose.yaml": compose({"x": service("stub:1")}) for number in range(10)}
    world.commit(apps)
    world.deploy()

    gone = [f"apps/a{number}/compose.yaml" for number in range(4)]
    world.commit(dict.fromkeys(gone))
    refused = world.sync()
    assert (refused.exit_code, refused.actions) == (1, [])
    assert "4 of 10 containers left Git, which is more than 30 %" in refused.text

    trailers = "\n".join(f"Allow-Prune: a{number}" for number in range(4))
    world.commit({}, message=f"Remove four\n\n{trailers}")
    world.converge()
    assert len(world.ours()) == 6


def test_a_host_is_drained_start_first_or_let_go_and_held_until_one_of_both_is_said(fleet: World):
    documents = {name: f"hosts/{name}.yaml" for name in ("h1", "h2", "h3")}
    fleet.commit({documents["h2"]: None, documents["h3"]: None, WEB: compose({"front": service()})})
    fleet.deploy()
    fleet.commit({documents[name]: host_document(name, fleet.hosts[name].unix) for name in ("h2", "h3")})
    fleet.converge()
    assert fleet.one("web/front").host == "h1"

    fleet.commit({documents["h1"]: None})
    held = fleet.sync()
    assert (held.exit_code, held.actions) == (1, [])
    assert "host h1" in held.text

    fleet.commit({documents["h1"]: host_document("h1", fleet.hosts["h1"].unix, availability="drain")})
    drained = fleet.deploy()
    order = [(action["kind"], action["host"]) for action in drained.actions]
    now_on = fleet.one("web/front").host
    assert now_on in {"h2", "h3"}
    assert order.index(("wait_healthy", now_on)) < order.index(("stop", "h1"))
    fleet.commit({documents["h1"]: None})
    fleet.converge()

    fleet.commit({documents[now_on]: None}, message=f"It burned down\n\nLet-Go: {now_on}")
    fleet.converge()
    left = {"h2", "h3"} - {now_on}
    assert {seen.host for seen in fleet.ours("web/front")} == {now_on, *left}
