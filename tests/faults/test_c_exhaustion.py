"""C10 and C16: a controller that runs out of what a process may have, and very much to do at once."""

import resource
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from contract.making import app_with, intent
from faults.fleet_story import FleetStory, app, host, on
from lab.host import LabHost
from structlog.testing import capture_logs

from gitops_orch.clock import SystemClock
from gitops_orch.controller.observe.observe_hosts import Engines, observe_all
from gitops_orch.controller.workers import ThreadWorkers
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.errors import HostUnreachable
from gitops_orch.model.app import AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.observed import ObservedHost, UnknownHost

APP_COUNT, HOST_COUNT = 1000, 10
STANDARD_STREAMS = 3  # they are open in any case


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open nothing more, for the length of a block, whatever else in it closes something meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_STREAMS, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_c10_a_process_that_may_open_nothing_more_knows_nothing_and_goes_on_when_it_may(engine_host: LabHost):
    engine = connect(Host(name="h1", url=engine_host.unix), EngineSettings(deadline_s=5))
    wanted = intent(app_with(AppKey(namespace="default", name="shop")))
    with no_more_files():
        for ask in (engine.observe, lambda: engine.create(wanted), lambda: engine.start(wanted.name)):
            with pytest.raises(HostUnreachable, match=r"h1.*Too many open files"):
                ask()
    engine.create(wanted)
    engine.start(wanted.name)
    assert [each.state.value for each in engine.observe().owned] == ["running"]
    engine.close()


def test_c10_a_process_that_may_begin_no_thread_knows_nothing_and_goes_on_when_it_may(
    monkeypatch: pytest.MonkeyPatch,
):
    story = FleetStory()
    hosts = [Host(name=name, url=f"sim://{name}") for name in ("h1", "h2")]
    engines, workers = Engines(story.fleet.connect), ThreadWorkers()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        seen = observe_all(hosts, engines, workers, SystemClock())
    assert seen.keys() == {"h1", "h2"}
    assert all(isinstance(each, UnknownHost) and "thread" in each.reason for each in seen.values())
    seen = observe_all(hosts, engines, workers, SystemClock())
    assert seen.keys() == {"h1", "h2"}
    assert all(isinstance(each, ObservedHost) for each in seen.values())
    workers.close()


def test_c16_a_thousand_apps_that_change_at_once_are_done_in_one_run_and_each_image_is_pulled_once_a_host(
    monkeypatch: pytest.MonkeyPatch,
):
    pulls: Counter[tuple[str, str]] = Counter()
    real = SimulatedEngine.pull

    def pull(engine: SimulatedEngine, image: str, **how: object) -> object:
        pulls[(engine.name, image)] += 1
        return real(engine, image, **how)

    monkeypatch.setattr(SimulatedEngine, "pull", pull)
    story = FleetStory()
    names = [f"h{number}" for number in range(HOST_COUNT)]
    apps = (app(f"a{number}", policy=on(names[number % HOST_COUNT])) for number in range(APP_COUNT))
    story.push(*map(host, names), *apps)
    with capture_logs():
        report = story.sync()
    assert report.exit_code == 0
    up = Counter(name for name in names for each in story.on(name) if each.up)
    assert set(up.values()) == {APP_COUNT // HOST_COUNT}
    assert pulls == {(name, "good:1"): 1 for name in names}
