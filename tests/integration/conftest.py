"""A repository, hosts and the product between them, for tests of what a user notices."""

from collections.abc import Iterator

import pytest
from integration.console import Console, open_console
from integration.world import World
from lab.fleet import Lab
from lab.host import LabHost


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The product's console, loaded once."""
    with open_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture
def world(engine_host: LabHost, console: Console, tmp_path) -> World:
    """A world of one host."""
    return World(tmp_path, (engine_host,), console)


@pytest.fixture
def world26(engine26: LabHost, console: Console, tmp_path) -> World:
    """A world of one host with a newer Engine."""
    return World(tmp_path, (engine26,), console)


@pytest.fixture
def fleet(lab3: Lab, console: Console, tmp_path) -> World:
    """A world of three hosts."""
    return World(tmp_path, lab3.hosts, console)
