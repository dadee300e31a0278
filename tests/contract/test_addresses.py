"""What every engine says of the addresses that containers have in their networks (engine/base.py)."""

from dataclasses import replace

import pytest
from contract.making import app_with, created, joining, running

from gitops_orch.errors import EngineError

FIRST, SECOND, FIXED = "172.31.240.2", "172.31.240.3", "172.31.240.10"
IPAM = {"ipam": {"config": [{"subnet": "172.31.240.0/24"}]}}


def attached(key, *, address="", name="web"):
    """An app whose container is on a network with a subnet, at an address or wherever the engine puts it."""
    app = app_with(key, networks=("front",))
    (front,) = app.networks
    body = {"front": {"ipv4_address": address} if address else None}
    service = replace(app.services[0], name=name, compose={**app.services[0].compose, "networks": body})
    return replace(app, services=(service,), networks=(replace(front, compose=IPAM),))


def listed(world, container):
    (found,) = [each for each in world.engine.observe().containers if each.id == container]
    return found


@pytest.mark.parametrize("look", [listed, lambda world, container: world.engine.inspect(container)])
def test_an_address_that_the_file_gives_is_known_while_it_runs_and_after(world, key, look):
    app = attached(key, address=FIXED)
    network = app.networks[0].name
    container = created(world, app)
    assert look(world, container).addresses == ()
    assert look(world, container).fixed_addresses == ((network, FIXED),)
    world.engine.start(container)
    assert look(world, container).addresses == ((network, FIXED),)
    world.engine.stop(container)
    assert look(world, container).addresses == ()
    assert look(world, container).fixed_addresses == ((network, FIXED),)


def test_an_engine_gives_the_lowest_address_that_is_free(world, key):
    first, second = (running(world, attached(key, name=name)) for name in ("a", "b"))
    network = attached(key).networks[0].name
    assert listed(world, first).addresses == ((network, FIRST),)
    assert listed(world, second).addresses == ((network, SECOND),)
    assert listed(world, first).fixed_addresses == ()


@pytest.mark.parametrize("fixed", ["", FIRST], ids=["by chance", "by its file"])
def test_an_address_that_another_container_has_is_refused(world, key, fixed):
    running(world, attached(key, address=fixed, name="holder"))
    container = created(world, attached(key, address=FIRST, name="asker"))
    with pytest.raises(EngineError, match="Address already in use"):
        world.engine.start(container)


def test_what_is_detached_while_another_one_starts_gets_another_address(world, key):
    held = attached(key, name="holder")
    holder = running(world, held)
    app = attached(key, address=FIRST, name="asker")
    network = app.networks[0].name
    world.engine.disconnect_network(holder, network)
    assert listed(world, holder).addresses == ()
    asker = running(world, app)
    world.engine.connect_network(holder, network, joining(held))
    assert listed(world, asker).addresses == ((network, FIRST),)
    assert listed(world, holder).addresses == ((network, SECOND),)


def test_a_container_on_no_network_has_no_address(world, key):
    assert listed(world, running(world, app_with(key))).addresses == ()
