"""What we create, inspected, is what `docker compose create` makes, inspected: for every key, on a real Engine."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from engine.compose_world import app_of, compose, intent_of, resolved
from engine.inspection import comparable, differences
from engine.payload_cases import CASES, DELIBERATE, DELIBERATE_ON_26, NEWER_CASES, TOP
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import App, Service
from gitops_orch.model.host import Host

PROJECT = "orc"
Rows = dict[str, dict[str, Any]]


def _file(cases: Mapping[str, str]) -> str:
    services = "".join(
        f"  {name}:\n    <<: {_flow(body)}\n    image: stub:1\n" for name, body in cases.items()
    )
    return f"name: {PROJECT}\nservices:\n{services}{TOP}"


def _flow(body: str) -> str:
    return body if body.startswith("{") else f"{{{body}}}"


def _both(program: Path, host: LabHost, folder: Path, cases: Mapping[str, str]) -> tuple[Rows, Rows]:
    (folder / "compose.yaml").write_text(_file(cases))
    compose(program, host.unix, folder, "create")
    app = app_of(resolved(program, host.unix, folder))
    with host.client() as client:
        theirs = {
            row["Config"]["Labels"]["com.docker.compose.service"]: row
            for row in (client.inspect_container(c["Id"]) for c in client.containers(all=True))
        }
    compose(program, host.unix, folder, "down", "--volumes")
    return _ours(host, app), _comparable(theirs)


def _ours(host: LabHost, app: App) -> Rows:
    engine = connect(Host(name="h1", url=host.unix), EngineSettings())
    for network in app.networks:
        engine.create_network(app.key, network)
    for volume in app.volumes:
        engine.create_volume(app.key, volume)
    made = {service.name: engine.create(intent_of(app, service)) for service in _in_order(app)}
    with host.client() as client:
        rows = {name: client.inspect_container(id_) for name, id_ in made.items()}
        for row in rows.values():
            client.remove_container(row["Id"], v=True, force=True)
    for network in app.networks:
        engine.remove_network(network.name)
    for volume in app.volumes:
        engine.remove_volume(volume.name)
    engine.close()
    return _comparable(rows)


def _in_order(app: App) -> list[Service]:
    """Return services that others take part in first."""
    shared = {"base", "ipc-shareable", "volumes-named"}
    return sorted(app.services, key=lambda service: service.name not in shared)


def _comparable(rows: Mapping[str, Mapping[str, Any]]) -> Rows:
    services = {row["Id"]: f"<{name}>" for name, row in rows.items()}
    return {name: comparable(row, services) for name, row in rows.items()}


@pytest.fixture(scope="module")
def both(
    _engine: LabHost, compose_oracle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rows, Rows]]:
    cases = {**CASES, **{name: body for name, (body, _) in DELIBERATE.items()}}
    yield _both(compose_oracle, _engine, tmp_path_factory.mktemp("oracle"), cases)
    _engine.restore()


@pytest.mark.parametrize("case", CASES)
def test_a_container_equals_the_one_that_compose_makes(both: tuple[Rows, Rows], case: str) -> None:
    ours, theirs = both
    assert differences(ours[case], theirs[case]) == []


@pytest.mark.parametrize("case", DELIBERATE)
def test_a_container_differs_from_composes_only_where_compose_forgets_what_the_file_says(
    both: tuple[Rows, Rows], case: str
) -> None:
    ours, theirs = both
    differing = {line.split(":")[0] for line in differences(ours[case], theirs[case])}
    assert differing == DELIBERATE[case][1]


@pytest.fixture(scope="module")
def both_on_26(
    _engine26: LabHost, compose_oracle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rows, Rows]]:
    yield _both(compose_oracle, _engine26, tmp_path_factory.mktemp("oracle26"), {**CASES, **NEWER_CASES})
    _engine26.restore()


@pytest.mark.parametrize("case", [*CASES, *NEWER_CASES])
def test_a_container_equals_the_one_that_compose_makes_on_engine_26(
    both_on_26: tuple[Rows, Rows], case: str
) -> None:
    ours, theirs = both_on_26
    differing = {line.split(":")[0] for line in differences(ours[case], theirs[case])}
    assert differing == DELIBERATE_ON_26.get(case, set())
