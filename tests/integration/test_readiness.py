"""Readiness probes of a real Engine's containers decide about a rollout."""

import pytest
from integration.world import World, compose, host_document, service

WEB = "apps/web/compose.yaml"
PROBES = {
    "http": {"http": {"port": 8080, "path": "/"}},
    "tcp": {"tcp": {"port": 8080}},
    "exec": {"exec": ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]},
}


def front(image: str, probe: dict, **more: object) -> dict[str, str]:
    policy = {"readiness": {**probe, "interval": "500ms", "timeout": "1s"}}
    web = service(image, ports=["8080"], **{"x-gitops": policy}, **more)
    return {WEB: compose({"front": web}, **{"x-gitops": {"rollout": {"healthy_deadline": "4s"}}})}


@pytest.fixture
def far(world: World) -> World:
    """A world whose host is reached over the network."""
    world.commit({"hosts/h1.yaml": host_document("h1", world.host.tcp, insecure=True)})
    return world


@pytest.mark.parametrize("kind", PROBES)
def test_a_container_that_serves_is_let_in_and_one_that_does_not_is_rolled_back(far: World, kind: str):
    far.commit(front("stub:1", PROBES[kind]))
    far.converge()
    old = far.one("web/front")

    far.commit(front("stub:2", PROBES[kind], command=["sleep", "600"]))
    reply = far.sync()

    assert reply.exit_code == 4, reply.text
    assert [seen.id for seen in far.ours("web/front") if seen.state == "running"] == [old.id]
    assert "not ready: " in reply.app("web")["reason"]


def test_a_probe_that_cannot_reach_its_container_holds_the_app_untouched(far: World):
    far.commit(front("stub:1", PROBES["tcp"]))
    far.deploy()
    old = far.one("web/front")

    far.commit(front("stub:2", {"tcp": {"port": 9090}}))
    reply = far.sync()

    assert reply.exit_code == 1, reply.text
    assert far.one("web/front") == old
    assert "port 9090 is not published" in reply.app("web")["reason"]
