"""D3 and D9: which Engine is it?  Its id is not all that tells."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from faults.fleet_story import FleetStory, app, host
from faults.unruly import INFO, PING, answer, raw, unruly

from gitops_orch.controller.observe.shared_engines import hold_same_engines, is_same_engine
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.host import Host
from gitops_orch.model.observed import ForeignContainer, ObservedHost, ObservedNetwork, State, UnknownHost
from gitops_orch.model.status import Sync


def seen(name: str, **changes: object) -> ObservedHost:
    made = ObservedHost(
        name=name,
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        engine_version="20.10.24",
        api_version="1.41",
        engine_id="id-1",
        networks=(ObservedNetwork(id="b1", name="bridge"),),
    )
    return replace(made, **changes)


def with_container(identity: str) -> tuple[ForeignContainer, ...]:
    return (ForeignContainer(host="h1", id=identity, name="x", image="x", image_id="x", state=State.RUNNING),)


def test_an_engine_is_recognised_by_its_id_and_its_data_root():
    assert is_same_engine(seen("h1"), seen("h2"))
    assert not is_same_engine(seen("h1"), seen("h2", root_dir="/srv/docker"))
    assert not is_same_engine(seen("h1"), seen("h2", engine_id="id-2"))


def test_an_engine_that_makes_its_id_up_is_recognised_by_its_containers():
    nameless = seen("h1", engine_id="", networks=(), foreign=with_container("c1"))
    assert is_same_engine(nameless, replace(nameless, name="h2"))
    assert not is_same_engine(nameless, replace(nameless, name="h2", foreign=with_container("c2")))
    assert not is_same_engine(replace(nameless, foreign=()), replace(nameless, foreign=()))


def test_cloned_machines_are_two_engines():
    clone = seen("h2", networks=(ObservedNetwork(id="b2", name="bridge"),), foreign=with_container("c1"))
    assert not is_same_engine(seen("h1", foreign=with_container("c1")), clone)


def test_of_many_hosts_only_those_that_are_one_engine_are_held():
    alone = [seen(f"a{n}", engine_id=f"id-{n}", foreign=with_container(f"c{n}")) for n in range(20)]
    one_engine = [seen(name, engine_id="id-x") for name in ("x1", "x2", "x3")]
    found = hold_same_engines({host.name: host for host in (*alone, *one_engine)})
    held = {name: host.same_as for name, host in found.items() if isinstance(host, UnknownHost)}
    assert held == {"x1": ("x2", "x3"), "x2": ("x1", "x3"), "x3": ("x1", "x2")}


def twins(name: str) -> dict[str, str]:
    return {path: text.replace(f"sim://{name}", "sim://h1") for path, text in host(name).items()}


def test_two_hosts_that_are_one_engine_are_held_and_named_and_nothing_is_done_there():
    story = FleetStory()
    story.push(host("h1"), app("web"))
    assert story.sync().exit_code == 0
    story.push(host("h1"), twins("h2"), host("h3"), app("web"), app("other"))
    for _ in range(3):
        report = story.sync()
        assert report.exit_code == 1
        assert "host h1: it is the same Engine as h2, so nothing is done on either" in story.holds(report)
        assert "host h2: it is the same Engine as h1" in story.holds(report)
        assert [story.host(report, name).state for name in ("h1", "h2", "h3")] == [
            "unknown",
            "unknown",
            "active",
        ]
        assert "Keep one of their Host documents" in story.host(report, "h2").reason
        assert story.app(report, "web").sync is Sync.UNKNOWN
        assert (story.running("h1"), story.running("h3")) == (["web"], ["other"])
    story.push(host("h1"), host("h3"), app("web"), app("other"))
    report = story.sync()
    assert (report.exit_code, story.app(report, "web").sync) == (0, Sync.IN_SYNC)


def test_an_engine_that_was_upgraded_is_the_same_and_what_stopped_is_started():
    story = FleetStory()
    story.push(host("h1"), app("web"))
    assert story.sync().exit_code == 0
    world = story.fleet.world("h1")
    world.engine_id, world.engine_version = "another-id", "26.1.5"
    world.crash(story.fleet.now_s() + 5)
    story.clock.sleep(6)
    report = story.sync()
    assert report.exit_code == 0
    assert story.running("h1") == ["web"]


def test_an_engine_whose_containers_are_others_is_another_one_though_their_names_are_the_same():
    story = FleetStory()
    story.push(host("h1"), app("web"))
    assert story.sync().exit_code == 0
    world = story.fleet.world("h1")
    world.engine_id = "another-id"
    for container in list(world.containers.values()):
        del world.containers[container.id]
        container.id = f"e{container.id[1:]}"
        world.containers[container.id] = container
    report = story.sync()
    assert report.exit_code == 3
    assert "another Engine answers than before" in story.host(report, "h1").reason


@pytest.mark.parametrize("made_up", ["a", "b"])
def test_the_id_of_podman_tells_nothing(tmp_path, made_up):
    ping = PING.replace(b"Api-Version", b"Libpod-API-Version: 4.9.3\r\nApi-Version", 1)
    with unruly(tmp_path / "s") as server:
        server.on("/_ping", raw(ping))
        for path, rows in {"containers/json": [], "networks": [], "volumes": {}, "images/json": []}.items():
            server.on(path, answer("200 OK", rows))
        server.on("info", answer("200 OK", {**INFO, "ID": made_up}))
        engine = connect(Host(name="h1", url=server.url), EngineSettings())
        assert engine.observe().engine_id == ""
        engine.close()
