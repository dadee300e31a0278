"""What every engine says of ports that something else has (engine/base.py)."""

import pytest
from contract.making import app_with, intent

from gitops_orch.errors import EngineError
from gitops_orch.model.observed import State

PORT = 18096


def publishing(world, key, **fields):
    entry = {"target": 80, "published": str(PORT), "protocol": "tcp", "mode": "ingress", **fields}
    app = app_with(key, ports=[entry], networks=("front",))
    world.engine.create_network(key, app.networks[0])
    container = world.engine.create(intent(app))
    world.engine.start(container)
    return container


@pytest.mark.parametrize("address", ["", "127.0.0.1"])
def test_a_port_that_a_container_has_is_refused_by_its_number(world, key, address):
    publishing(world, key)
    with pytest.raises(EngineError, match=str(PORT)):
        world.engine.check_ports(key, "stub:1", ((address, PORT, "tcp"),))


def test_a_port_that_nobody_has_is_free_and_stays_so(world, key):
    before = {each.id for each in world.engine.observe().containers}
    for _ in (1, 2):
        world.engine.check_ports(
            key, "stub:1", (("", PORT, "tcp"), ("", PORT, "udp"), ("127.0.0.1", 18097, "tcp"))
        )
    assert {each.id for each in world.engine.observe().containers} == before
    assert world.engine.inspect(publishing(world, key)).state is State.RUNNING


def test_what_a_container_publishes_is_known_when_it_is_stopped_too(world, key):
    container = publishing(world, key, host_ip="127.0.0.1")
    world.engine.stop(container)
    stopped = world.engine.inspect(container)
    assert (stopped.ports, stopped.details.ports) == ((), (("127.0.0.1", PORT, "tcp"),))
