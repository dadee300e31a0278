"""What a real host does beyond the contract."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from contract.making import app_with, intent
from faults.unruly import answer, unruly
from lab.commands import wait_for
from lab.host import LabHost

from gitops_orch.engine.base import ExecSettings
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import EngineError, ImageUnavailable, NotFound
from gitops_orch.model.app import AppKey, Network, Readiness, Service
from gitops_orch.model.host import Host
from gitops_orch.model.observed import State

KEY = AppKey(namespace="default", name="shop")


@pytest.fixture
def engine(engine_host: LabHost) -> Iterator[DockerHost]:
    made = connect(Host(name="h1", url=engine_host.unix), EngineSettings())
    yield made
    made.close()


def sharing(key: str = "network_mode"):
    """An app whose `side` shares a namespace with its `web`."""
    app = app_with(KEY)
    body = {"image": "stub:1", key: "service:web"}
    return replace(app, services=(Service(name="side", compose=body, image="stub:1"), *app.services))


def web(engine: DockerHost, slot: int) -> str:
    container = engine.create(intent(app_with(KEY), slot=slot))
    engine.start(container)
    return container


def test_a_peer_that_is_not_named_is_the_newest_of_its_service(
    engine: DockerHost, engine_host: LabHost
) -> None:
    web(engine, 1)
    newest = web(engine, 2)
    side = engine.create(intent(sharing()))
    with engine_host.client() as client:
        assert client.inspect_container(side)["HostConfig"]["NetworkMode"] == f"container:{newest}"


def test_a_readiness_command_that_does_not_end_in_time_is_not_ready(engine: DockerHost) -> None:
    probe = Readiness(command=("sleep", "30"), timeout_s=0.5)
    answer = engine.probe(web(engine, 1), probe)
    assert (answer.ready, answer.detail) == (False, "its command did not end within 0.5 s")


def test_a_readiness_command_that_is_not_there_is_not_ready(engine: DockerHost) -> None:
    answer = engine.probe(web(engine, 1), Readiness(command=("no-such-command",)))
    assert not answer.ready
    assert "no-such-command" in answer.detail


def test_an_engine_that_manages_no_swarm_refuses_an_overlay_and_says_so_before(engine: DockerHost) -> None:
    assert not engine.observe().creates_overlays
    with pytest.raises(EngineError, match="not a swarm manager"):
        engine.create_network(KEY, Network(key="n", name="shop_n", compose={"driver": "overlay"}))


def test_a_peer_that_is_named_is_taken(engine: DockerHost, engine_host: LabHost) -> None:
    first = web(engine, 1)
    web(engine, 2)
    side = engine.create(intent(sharing("pid"), peers={"web": first}))
    with engine_host.client() as client:
        assert client.inspect_container(side)["HostConfig"]["PidMode"] == f"container:{first}"


def test_a_peer_that_is_not_on_the_host_is_not_found(engine: DockerHost) -> None:
    with pytest.raises(NotFound, match="shares with service web of default/shop"):
        engine.create(intent(sharing()))


def test_a_container_goes_on_with_its_predecessors_anonymous_volumes(engine: DockerHost) -> None:
    app = app_with(KEY)
    mounts = [{"type": "volume", "target": "/data"}]
    service = replace(app.services[0], compose={**app.services[0].compose, "volumes": mounts})
    app = replace(app, services=(service,))
    first = engine.create(intent(app, slot=1))
    engine.start(first)
    engine.run_exec(first, ("sh", "-c", "echo precious > /data/x"))
    second = engine.create(intent(app, slot=2, inherit_volumes_from=first))
    engine.start(second)
    engine.remove(first)
    assert engine.run_exec(second, ("cat", "/data/x")).output == "precious\n"


def test_output_of_both_streams_arrives_and_the_exit_code_too(engine: DockerHost) -> None:
    result = engine.run_exec(web(engine, 1), ("sh", "-c", "echo out; echo err >&2; exit 7"))
    assert result.exit_code == 7
    assert sorted(result.output.split()) == ["err", "out"]


def test_of_endless_output_the_last_megabyte_is_kept(engine: DockerHost) -> None:
    script = (
        "i=0; while [ $i -lt 30 ]; do head -c 100000 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo; echo end"
    )
    output = engine.run_exec(web(engine, 1), ("sh", "-c", script)).output
    assert len(output) <= 1_000_000
    assert output.endswith("end\n")


@pytest.mark.parametrize("tty", [True, False])
def test_logs_are_read_with_and_without_a_terminal(engine: DockerHost, *, tty: bool) -> None:
    container = engine.create(intent(app_with(KEY, command=["sh", "-c", "echo one; echo two"], tty=tty)))
    engine.start(container)
    wait_for("its end", lambda: engine.inspect(container).state is State.EXITED)
    assert engine.logs(container, tail=1).split() == ["two"]


def test_a_pull_carries_the_credentials_of_its_registry(tmp_path) -> None:
    registries = tmp_path / "config.json"
    registries.write_text('{"auths": {"registry.example": {"auth": "YW5uOnB3"}}}')
    with unruly(tmp_path / "s") as server:
        server.on("images/create", answer("404 Not Found", {"message": "manifest unknown"}))
        engine = connect(Host(name="h1", url=server.url), EngineSettings(registries=str(registries)))
        for image in ("registry.example/a:1", "elsewhere.example/a:1"):
            with pytest.raises(ImageUnavailable) as caught:
                engine.pull(image)
            assert "YW5uOnB3" not in str(caught.value)
        heads = [head for head in server.heads if "images/create" in head]
    assert ["X-Registry-Auth" in head for head in heads] == [True, False]


def test_a_pull_that_fails_names_the_credential_helper_that_is_not_asked(tmp_path) -> None:
    registries = tmp_path / "config.json"
    registries.write_text('{"credHelpers": {"registry.example": "ecr-login"}}')
    with unruly(tmp_path / "s") as server:
        server.on(
            "images/create", answer("500 Internal Server Error", {"message": "no basic auth credentials"})
        )
        engine = connect(Host(name="h1", url=server.url), EngineSettings(registries=str(registries)))
        with pytest.raises(ImageUnavailable) as caught:
            engine.pull("registry.example/a:1")
    assert "docker-credential-ecr-login" in str(caught.value.hint)
    assert "credential_helpers" in str(caught.value.hint)


def test_an_image_without_a_tag_is_pulled_as_latest(tmp_path) -> None:
    with unruly(tmp_path / "s") as server:
        server.on("images/create", answer("404 Not Found", {"message": "manifest unknown"}))
        engine = connect(Host(name="h1", url=server.url), EngineSettings())
        for image in ("registry.example:5000/a", "a@sha256:" + "0" * 64):
            with pytest.raises(ImageUnavailable):
                engine.pull(image)
        assert server.asked("fromImage=registry.example%3A5000%2Fa%3Alatest") == 1
        assert server.asked("latest") == 1


def test_a_command_runs_as_and_where_it_is_told(engine: DockerHost) -> None:
    container = web(engine, 1)
    settings = ExecSettings(user="7", working_dir="/www", environment=("A=1 2",))
    told = engine.run_exec(container, ("sh", "-c", 'echo "$(id -u) $(pwd) $A"'), settings)
    assert (told.exit_code, told.output) == (0, "7 /www 1 2\n")


def test_a_command_that_is_not_there_is_no_trouble_of_the_host(engine: DockerHost) -> None:
    container = web(engine, 1)
    told = engine.run_exec(container, ("no-such-command",))
    assert told.exit_code in {126, 127}
    assert "no-such-command" in told.output
