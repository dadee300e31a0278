"""What Compose files can ask for, on a real Engine, from a commit to the containers; and Compose's own tools beside us."""

import json
from pathlib import Path

from engine.compose_world import compose as compose_program
from integration.world import World, compose, service

SHARING = {
    "base": service(volumes=["/shared"]),
    "net": service(network_mode="service:base", command=["sleep", "1000"]),
    "mix": service(ipc="service:shareable", pid="service:base", command=["sleep", "1000"]),
    "shareable": service(ipc="shareable"),
    "volumes": service(volumes_from=["base:ro"]),
    "alone": service(),
}


def inside(world: World, name: str, script: str) -> str:
    with world.host.client() as client:
        job = client.exec_create(world.one(name).id, ["sh", "-c", script])
        return client.exec_start(job["Id"]).decode().strip()


def test_whoever_shares_a_namespace_or_volumes_is_recreated_with_its_owner_and_nobody_else(world: World):
    world.commit({"app/compose.yaml": compose(SHARING)})
    world.converge()
    before = {seen.service: seen.id for seen in world.ours()}
    changed = {**SHARING, "base": service(volumes=["/shared"], environment={"A": "2"})}

    world.commit({"app/compose.yaml": compose(changed)})
    world.converge()

    after = {seen.service: seen.id for seen in world.ours()}
    assert {name for name in before if after[name] != before[name]} == {
        "app/base",
        "app/net",
        "app/mix",
        "app/volumes",
    }
    assert (
        inside(world, "app/net", "wget -qO- http://127.0.0.1:8080/ >/dev/null && echo reached") == "reached"
    )


def test_compose_lists_our_apps_as_projects_and_shows_their_containers_and_logs(
    world: World, compose_oracle: Path
):
    talker = service(command=["sh", "-c", "echo hello from web; sleep 1000"])
    world.commit({"shop/compose.yaml": compose({"web": talker, "db": service()})})
    world.converge()

    def ask(*arguments: str) -> str:
        return compose_program(compose_oracle, world.host.unix, world.directory, *arguments)

    projects = json.loads(ask("ls", "--format", "json"))
    assert [(row["Name"], row["Status"], row["ConfigFiles"]) for row in projects] == [
        ("shop", "running(2)", "shop/compose.yaml")
    ]
    rows = [json.loads(line) for line in ask("-p", "shop", "ps", "--format", "json").splitlines()]
    assert {(row["Service"], row["State"]) for row in rows} == {("web", "running"), ("db", "running")}
    assert "hello from web" in ask("-p", "shop", "logs", "web")


RELOADING = {
    "web": service(
        command=["sh", "-c", "trap 'cp /etc/app.conf /tmp/told' HUP; while true; do sleep 0.1; done"],
        configs=[{"source": "main", "target": "/etc/app.conf"}],
        **{"x-gitops": {"reload": "SIGHUP"}},
    )
}


def test_a_changed_file_reaches_a_service_that_reloads_without_a_new_container(world: World):
    text = compose(RELOADING, configs={"main": {"file": "app.conf"}})
    world.commit({"app/compose.yaml": text, "app/app.conf": "one"})
    world.converge()
    before = world.one("app/web")

    world.commit({"app/app.conf": "two"})
    reply = world.converge()

    after = world.one("app/web")
    assert (after.id, after.started_at) == (before.id, before.started_at)
    assert [action["kind"] for action in reply.actions] == [
        "put_files",
        "exec",
        "wait_healthy",
        "create_volume",
    ]
    assert inside(world, "app/web", "for i in 1 2 3 4 5; do cat /tmp/told && break; sleep 0.2; done") == "two"
