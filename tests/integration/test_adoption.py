"""Projects that `docker compose` made elsewhere, as Portainer, Komodo and Dockge do, are taken over with their data."""

import shutil
from pathlib import Path

import pytest
from engine.compose_world import compose as docker_compose
from integration.world import World, by_hand, compose, host_document, service

RECORD = "gitops-orch.mounts"
ADOPT = {"x-gitops": {"adopt": True}}


def app(image: str = "stub:1", **more: object) -> dict:
    return service(image, deploy={"update_config": {"monitor": "1s"}}, **more)


@pytest.fixture
def stacks(compose_oracle: Path, world: World, tmp_path: Path):
    """Start projects as another tool does: its own directory for each, and Compose's labels on what it starts."""

    def start(
        services: dict,
        directory: str,
        project: str = "app",
        files: dict[str, str] | None = None,
        **more: object,
    ) -> Path:
        folder = tmp_path / "elsewhere" / directory
        folder.mkdir(parents=True)
        for path, text in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "compose.yaml").write_text(compose(services, **more))
        docker_compose(compose_oracle, world.host.unix, folder, "-p", project, "up", "-d")
        return folder

    return start


def inside(world: World, container: str, *command: str) -> str:
    with world.host.client() as client:
        made = client.exec_create(container, list(command))
        text = client.exec_start(made).decode()
        assert client.exec_inspect(made)["ExitCode"] == 0, text
        return text


def write(world: World, container: str, *paths: str) -> None:
    for path in paths:
        inside(world, container, "sh", "-c", f"echo kept > {path}")


def forget_state(world: World) -> None:
    shutil.rmtree(world.state)


def foreign(world: World) -> list[str]:
    return [seen.name for seen in world.containers() if not seen.service]


@pytest.mark.parametrize("directory", ["opt/stacks/app", "data/compose/7", "etc/komodo/stacks/app"])
def test_a_project_of_another_tool_is_taken_over_with_its_port_and_its_data(world: World, stacks, directory):
    folder = stacks(
        {"db": app(volumes=["./data:/data", "store:/store"], ports=["8080"])},
        directory,
        volumes={"store": {}},
    )
    (old,) = world.containers()
    write(world, old.name, "/data/f", "/store/f")
    with world.host.client() as client:
        port = client.inspect_container(old.id)["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    published = app(volumes=["./data:/data", "store:/store"], ports=[f"{port}:8080"])
    world.commit({"app/compose.yaml": compose({"db": published}, volumes={"store": {}}, **ADOPT)})

    reply = world.deploy()

    now = world.one("app/db")
    assert foreign(world) == []
    assert inside(world, now.name, "cat", "/data/f", "/store/f") == "kept\nkept\n"
    assert any(str(folder / "data") in action["reason"] for action in reply.actions)
    world.expect_nothing_to_do()


def test_data_stays_where_it_is_through_releases_scaling_a_lost_state_and_a_rollback(world: World, stacks):
    folder = stacks({"db": app(volumes=["./data:/data"])}, "opt/stacks/app")
    write(world, world.containers()[0].name, "/data/f")

    def release(image: str, **more: object) -> None:
        services = {"db": app(image, volumes=["./data:/data"], **more)}
        world.commit({"app/compose.yaml": compose(services, **ADOPT)})

    release("stub:1")
    world.deploy()
    release("stub:2")
    world.deploy()
    forget_state(world)
    release("stub:3")
    world.deploy()
    assert inside(world, world.one("app/db").name, "cat", "/data/f") == "kept\n"
    release("stub:unhealthy", healthcheck={"test": ["CMD", "false"], "interval": "200ms", "retries": 1})
    assert world.sync().exit_code == 4
    serving = next(seen for seen in world.ours("app/db") if seen.state == "running")
    assert inside(world, serving.name, "cat", "/data/f") == "kept\n"
    release("stub:1")
    world.deploy()
    with world.host.client() as client:
        for seen in world.containers():
            client.remove_container(seen.id, force=True)
    forget_state(world)
    world.deploy()

    with world.host.client() as client:
        mounts = client.inspect_container(world.one("app/db").id)["Mounts"]
    assert [mount["Source"] for mount in mounts] == [str(folder / "data")]


def test_a_release_that_fails_starts_what_it_was_to_take_over_again(world: World, stacks):
    stacks({"db": app(volumes=["./data:/data"], container_name="pg")}, "opt/stacks/app")
    (old,) = world.containers()
    write(world, old.name, "/data/f")
    sick = app("stub:crash", volumes=["./data:/data"], container_name="pg", restart="no")
    world.commit({"app/compose.yaml": compose({"db": sick}, **ADOPT)})

    world.sync()

    (again,) = [seen for seen in world.containers() if seen.id == old.id]
    assert (again.name, again.state) == ("pg", "running")
    assert inside(world, again.name, "cat", "/data/f") == "kept\n"
    world.expect_nothing_to_do()


def test_where_git_has_the_data_elsewhere_nothing_is_touched_and_both_places_are_named(world: World, stacks):
    folder = stacks({"db": app(volumes=["./data:/data"])}, "opt/stacks/app")
    before = world.containers()
    services = {"db": app(volumes=["/srv/nowhere:/data"])}
    world.commit({"app/compose.yaml": compose(services, **ADOPT)})

    reply = world.sync()

    assert reply.exit_code == 1
    assert str(folder / "data") in reply.text
    assert "/srv/nowhere" in reply.text
    assert world.containers() == before


def test_a_container_of_docker_run_is_taken_over_by_its_name(world: World, tmp_path):
    (tmp_path / "pgdata").mkdir()
    with world.host.client() as client:
        binds = client.create_host_config(binds=[f"{tmp_path}/pgdata:/data"])
        client.start(client.create_container("stub:1", name="pg", host_config=binds, volumes=["/data"])["Id"])
    write(world, "pg", "/data/f")
    services = {"db": app(volumes=["./data:/data"], container_name="pg")}
    world.commit({"app/compose.yaml": compose(services, **ADOPT)})

    world.converge()

    assert world.one("app/db").name == "pg"
    assert inside(world, "pg", "cat", "/data/f") == "kept\n"
    assert foreign(world) == []


def test_a_project_that_ran_in_parts_gives_way_with_all_its_containers(world: World, stacks):
    scaled = app(volumes=["store:/store"], scale=3)
    stacks({"db": scaled}, "opt/stacks/app", volumes={"store": {"name": "their_store"}})
    write(world, world.containers()[0].name, "/store/f")
    services = {"db": app(volumes=["store:/store"])}
    world.commit({"app/compose.yaml": compose(services, volumes={"store": {}}, **ADOPT)})

    world.converge()

    assert foreign(world) == []
    assert inside(world, world.one("app/db").name, "cat", "/store/f") == "kept\n"


def test_a_stranger_with_a_copied_label_is_not_taken_over(world: World):
    labels = {"com.docker.compose.project": "other", "com.docker.compose.service": "db"}
    stranger = by_hand(world.host, "pg", labels=labels)
    services = {"db": app(container_name="pg")}
    world.commit({"app/compose.yaml": compose(services, **ADOPT)})

    reply = world.sync()

    assert reply.exit_code == 1
    assert "the Compose project other" in reply.text
    assert [seen.id for seen in world.containers()] == [stranger]


def test_data_that_is_gone_from_its_host_is_never_made_an_empty_directory(world: World, stacks):
    folder = stacks({"db": app(volumes=["./data:/data"])}, "opt/stacks/app")
    services = {"db": app(volumes=["./data:/data"])}
    world.commit({"app/compose.yaml": compose(services, **ADOPT)})
    world.deploy()
    with world.host.client() as client:
        client.remove_container(world.one("app/db").id, force=True)
    (folder / "data").rename(folder / "elsewhere")

    reply = world.sync()

    assert reply.exit_code == 1
    assert str(folder / "data") in reply.text
    assert not (folder / "data").exists()


def followed(text: str, policy: str = "merge", **more: str) -> dict[str, str]:
    volumes = ["./conf:/etc/conf", "./Caddyfile:/etc/caddy/Caddyfile"]
    own = {"x-gitops": {"adopt": True, "files": policy}}
    files = {"app/conf/a.conf": text, "app/conf/sub/b.conf": text, "app/Caddyfile": text}
    return {"app/compose.yaml": compose({"web": app(volumes=volumes)}, **own)} | files | more


def read_all(world: World) -> list[str]:
    paths = ["/etc/conf/a.conf", "/etc/conf/sub/b.conf", "/etc/caddy/Caddyfile"]
    return inside(world, world.one("app/web").name, "tail", "-n", "+1", "-q", *paths).split()


@pytest.mark.parametrize("data_root", ["", "own"])
def test_files_from_git_are_followed_where_the_project_of_another_tool_has_them(
    world: World, stacks, tmp_path: Path, data_root: str
):
    root = tmp_path / "data" / data_root
    document = host_document(world.host.name, world.host.unix, data_root=str(root))
    lines = {"conf/a.conf": "one\n", "conf/sub/b.conf": "one\n", "Caddyfile": "one\n"}
    services = {"web": app(volumes=["./conf:/etc/conf", "./Caddyfile:/etc/caddy/Caddyfile"])}
    folder = stacks(services, "opt/stacks/app", files=lines)
    world.commit({f"hosts/{world.host.name}.yaml": document} | followed("one\n"))
    world.deploy()
    world.expect_nothing_to_do()
    assert read_all(world) == ["one"] * 3

    first = world.one("app/web").id
    world.commit(followed("two\n"))
    world.converge()
    assert read_all(world) == ["two"] * 3
    assert (folder / "conf/sub/b.conf").read_text() == "two\n"
    assert world.one("app/web").id != first

    second = world.one("app/web").id
    (folder / "conf/a.conf").write_text("mine\n")
    world.commit(followed("two\n", "git"))
    world.converge()
    assert read_all(world) == ["two"] * 3
    assert world.one("app/web").id != second

    shutil.rmtree(root / ".gitops-orch")
    world.commit(followed("three\n"))
    world.converge()
    assert read_all(world) == ["three"] * 3

    (folder / "conf/sub/b.conf").write_text("mine\n")
    world.commit({"app/conf/a.conf": None, "app/conf/sub/b.conf": None})
    world.deploy()
    assert sorted(path.name for path in (folder / "conf").rglob("*")) == ["b.conf", "sub"]
    world.expect_nothing_to_do()
