"""Real Docker hosts, a registry and the judge, for the tests that ask for them.

Every worker has engines of its own, made when the first test asks. Where the machine cannot have one the test is skipped,
with the reason; where CI=true it fails, because there it must not be missing.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from lab.commands import LabError
from lab.debian import compose_oracle as find_compose
from lab.debian import engine26_flavour
from lab.flavour import Flavour, system_flavour
from lab.fleet import Lab, open_lab
from lab.host import LabHost
from lab.provided import need_program, need_root, provided
from lab.registry import Login, Registry, open_registry

from gitops_orch import logs

settings.register_profile("untimed", deadline=None)  # an example may be slow beside busy neighbours
settings.load_profile("untimed")

ENGINE_FIXTURES = ("lab2", "lab3", "_engine26", "_engine", "_tls_host", "registry")
HERE = Path(__file__).parent
ORACLE_FIXTURES = ("compose_oracle",)
# The files that take longest, nearly all of it in one test: begun last, each would be waited for alone at the end.
LONGEST = ("test_public_stacks.py", "test_bad_releases.py", "test_push_reverts.py", "test_corpus.py")


@pytest.fixture(autouse=True)
def _nothing_is_muted() -> None:
    """Log every event: a command that ran in an earlier test of this process may have muted some."""
    logs._muted = frozenset()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, keep those of a file with engines on one worker, and start with them.

    They wait more than they work: begun first, they leave the cores to the others, and none is left over at the end. So
    that the order stays, scripts/test forbids pytest-xdist to begin with the files that have the most tests.
    """
    for item in items:
        wanted = _wanted(item)
        # Some of those ask for their fixture only when they run.
        if wanted.intersection(ENGINE_FIXTURES) or item.path.is_relative_to(HERE / "integration"):
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(HERE))))
        if wanted.intersection(ORACLE_FIXTURES):
            item.add_marker(pytest.mark.oracle)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, int]:
    place = LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
    return item.get_closest_marker("engine") is None, place


def _wanted(item: pytest.Item) -> set[str]:
    """Return the fixtures that a test asks for, and the words of its parameters: some name their host in one."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {*getattr(item, "fixturenames", ()), *(each for each in parameters if isinstance(each, str))}


def pytest_configure() -> None:
    """Let programs that tests start be interrupted, even where whoever started the tests would not be."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="session")
def _engine() -> Iterator[LabHost]:
    with provided():
        flavour = _system()
    with open_lab([flavour]) as lab:
        yield lab.host(1)


@pytest.fixture
def engine_host(_engine: LabHost) -> Iterator[LabHost]:
    """One real Engine of the system's version, private to the tests and empty but for the stub images."""
    yield _engine
    _engine.restore()


@pytest.fixture
def engine_socket(engine_host: LabHost) -> str:
    """The URL of that Engine."""
    return engine_host.unix


@pytest.fixture(scope="session")
def _engine26() -> Iterator[LabHost]:
    with provided():
        need_root()
        flavour = engine26_flavour()
    with open_lab([flavour]) as lab:
        yield lab.host(1)


@pytest.fixture
def engine26(_engine26: LabHost) -> Iterator[LabHost]:
    """One real Engine of version 26.1, else like `engine_host`."""
    yield _engine26
    _engine26.restore()


@pytest.fixture(scope="session")
def _lab3() -> Iterator[Lab]:
    with provided():
        flavour = _system()
    with open_lab([flavour] * 3) as lab:
        yield lab


@pytest.fixture
def lab3(_lab3: Lab) -> Iterator[Lab]:
    """Three real hosts, up and empty but for the stub images; a test may fail them in any way."""
    yield _lab3
    _lab3.restore()


@pytest.fixture
def lab2() -> Iterator[Lab]:
    """Two real hosts that are thrown away: for a test that puts so much on them that emptying them takes long."""
    with provided():
        flavour = _system()
    with open_lab([flavour] * 2) as lab:
        yield lab


@pytest.fixture(scope="session")
def _tls_host() -> Iterator[LabHost]:
    with provided():
        flavour = _system()
    with open_lab([flavour], tls=True) as lab:
        yield lab.host(1)


@pytest.fixture
def tls_host(_tls_host: LabHost) -> Iterator[LabHost]:
    """One real Engine that wants a client's certificate; `spec.certificates` has all files."""
    yield _tls_host
    _tls_host.restore()


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """An image registry that all lab hosts can pull from."""
    with provided():
        need_root()
        program = need_program("docker-registry")
    with open_registry(program) as registry:
        yield registry


@pytest.fixture(scope="session")
def private_registry() -> Iterator[Registry]:
    """An image registry that asks for a user and a password."""
    with provided():
        need_root()
        program = need_program("docker-registry")
    bcrypt = "$2b$04$jNM.y1vB/PEzFe4ev1WgSuqczhqQFaWpopnfHwF/ufggJk.lAou9W"
    with open_registry(program, Login(username="ann", password="pw", bcrypt=bcrypt)) as registry:
        yield registry


@pytest.fixture(scope="session")
def compose_oracle() -> Path:
    """The program of Compose v2.26, the judge of what a Compose file means."""
    with provided():
        return find_compose()


def _system() -> Flavour:
    flavour = system_flavour()
    if flavour is None:
        raise LabError("no Docker Engine is installed; scripts/test installs one")
    need_root()
    return flavour
