"""A network or a volume that several apps name: it is never removed from under one of them, and passes to the next."""

import pytest

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import State
from tests.story import Scenario

OTHERS = {f"{name}/compose.yaml": "services: {x: {image: 'x:1'}}\n" for name in ("u", "v", "w")}
NETWORK = "networks: {proxy: {name: proxy}}\n"
SLOW = ImageBehaviour(healthcheck=True, healthy_after_s=30)


@pytest.fixture
def story() -> Scenario:
    return Scenario({"db:1": SLOW})


def service(name: str, more: str = "") -> str:
    return f"services: {{{name}: {{image: '{name}:1', networks: [proxy]{more}}}}}\n"


def committed(story: Scenario, **apps: str) -> None:
    story.commit({**OTHERS, **{f"{name}/compose.yaml": text for name, text in apps.items()}})


def settled(story: Scenario) -> None:
    """One sync does it all; then nothing is left to do, and nothing is reported."""
    report = story.sync()
    assert (report.exit_code, report.reasons) == (0, ())
    plan = story.plan()
    assert (plan.actions, plan.holds) == ((), ())
    there = [each for each in story.world.containers.values() if not each.name.endswith("-kept")]
    assert {each.state for each in there} == {State.RUNNING}


PORT = ", ports: ['80:80']"
WAITING = "services:\n  db: {image: 'db:1'}\n  caddy:\n    image: caddy:1\n    networks: [proxy]\n"
WAITING += "    depends_on: {db: {condition: service_healthy}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("traefik", service("traefik")), ("caddy", service("caddy"))),
        (("traefik", service("traefik", PORT)), ("caddy", service("caddy", PORT))),
        (("traefik", service("traefik")), ("caddy", WAITING)),
        (("old", service("web")), ("new", service("web"))),
        (("z", service("web", PORT)), ("a", service("web", PORT))),
    ],
    ids=["replaced", "with its port", "by one that waits", "renamed", "renamed with its port"],
)
def test_a_network_passes_to_the_app_that_declares_it_next(story, before, after):
    committed(story, **{before[0]: before[1] + NETWORK})
    settled(story)
    network = story.world.networks["proxy"].id
    committed(story, **{after[0]: after[1] + NETWORK})
    settled(story)
    assert story.world.networks["proxy"].id == network
    committed(story)
    settled(story)
    assert "proxy" not in story.world.networks


def test_a_network_moves_between_two_apps_that_both_stay(story):
    plain = "services: {{{0}: {{image: '{0}:1'}}}}\n"
    committed(story, one=service("a") + NETWORK, two=plain.format("b"))
    settled(story)
    committed(story, one=plain.format("a"), two=service("b") + NETWORK)
    settled(story)
    assert "proxy" in story.world.networks


def test_a_network_that_passes_is_replaced_where_its_new_owner_declares_it_otherwise(story):
    committed(story, traefik=service("traefik") + NETWORK)
    settled(story)
    before = story.world.networks["proxy"].id
    committed(story, caddy=service("caddy") + NETWORK.replace("name: proxy", "name: proxy, internal: true"))
    settled(story)
    assert story.world.networks["proxy"].id != before
    (caddy,) = (each for each in story.world.containers.values() if each.owner.service == "caddy")
    assert "proxy" in caddy.networks


@pytest.mark.parametrize("first", ["a", "b"])
def test_two_apps_that_declare_one_network_share_it(story, first):
    apps = {name: service(name) + NETWORK for name in ("a", "b")}
    committed(story, **apps)
    settled(story)
    committed(story, **{name: text for name, text in apps.items() if name != first})
    settled(story)
    assert "proxy" in story.world.networks
    committed(story, **apps)
    settled(story)
    committed(story)
    settled(story)
    assert "proxy" not in story.world.networks


def test_two_apps_that_declare_one_network_otherwise_are_told_whose_it_is(story):
    other = NETWORK.replace("name: proxy", "name: proxy, internal: true")
    committed(story, a=service("a") + NETWORK, b=service("b") + other)
    for _ in range(2):
        assert story.sync().exit_code == 0
        (hold,) = story.plan().holds
        assert (hold.subject, hold.app.name) == ("proxy", "b")
        assert "is on h1 as app default/a declares it" in hold.reason
        assert story.plan().actions == ()


def test_a_network_that_an_app_starts_to_use_stays_though_its_owner_leaves(story):
    external = "networks: {proxy: {external: true}}\n"
    committed(story, traefik=service("traefik") + NETWORK)
    settled(story)
    committed(story, web=WAITING + external)
    report = story.sync()
    assert report.exit_code == 0
    assert "caddy" in story.containers()
    (hold,) = story.plan().holds
    assert hold.subject == "proxy"
    assert "web" in hold.reason
    committed(story)
    settled(story)
    assert "proxy" not in story.world.networks


VOLUME = "services: {{{0}: {{image: '{0}:1', volumes: ['data:/{0}']}}}}\nvolumes: {{data: {{name: data}}}}\n"


def test_the_next_app_that_declares_a_volume_has_its_data(story):
    committed(story, a=VOLUME.format("a"))
    settled(story)
    made = story.world.volumes["data"].serial
    committed(story, b=VOLUME.format("b"))
    settled(story)
    assert story.world.volumes["data"].serial == made
