"""Stacks that many people run: what `docker compose up -d` brings up is up after one sync, and stays so through changes.

Many of them run on one host at once, as they do at home, so that what they wait for is waited for once.  The groups take
minutes each: `PUBLIC_STACKS` names those that are tried, `all` or some of home, media, office, servers.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from engine.compose_world import compose as docker_compose
from integration.console import Console
from integration.public_stacks import file_of, files_of, stubs
from integration.world import World, host_document
from lab.commands import wait_for
from lab.fleet import Lab
from lab.host import LabHost
from lab.stub import image_archive

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
# The stacks of a host, each with the service that is changed: often one that others need.  An Engine has addresses for
# some thirty networks, and each host a group of them.
HOME = {
    "authelia": "redis",
    "caddy": "caddy",
    "ghost": "db",
    "immich": "database",
    "pihole": "pihole",
    "synapse": "db",
    "uptime-kuma": "uptime-kuma",
    "vaultwarden": "vaultwarden",
}
MEDIA = {
    "homeassistant": "mosquitto",
    "jellyfin": "jellyfin",
    "nextcloud": "db",
    "paperless": "broker",
    "traefik": "traefik",
    "unifi": "unifi-db",
    "vpn": "gluetun",
    "whoami": "whoami",
}
OFFICE = {
    "gitea": "server",
    "mailcow": "mysql-mailcow",
    "mastodon": "web",
    "n8n": "postgres",
    "outline": "redis",
    "plausible": "plausible_db",
    "umami": "db",
    "wordpress": "db",
}
SERVERS = {
    "airflow": "postgres",
    "elastic": "es01",
    "kafka": "zoo1",
    "keycloak": "postgres",
    "minio": "minio",
    "monitoring": "prometheus",
    "sentry": "postgres",
    "supabase": "vector",
}
GROUPS = {"home": HOME, "media": MEDIA, "office": OFFICE, "servers": SERVERS}
_ASKED_FOR = os.environ.get("PUBLIC_STACKS", "servers").split(",")
TRIED = [name for name in GROUPS if name in _ASKED_FOR or "all" in _ASKED_FOR]

Found = dict[str, tuple[str, tuple[str, ...]]]


@pytest.fixture
def ours(lab2: Lab, console: Console, tmp_path: Path) -> World:
    """A world of one host, with the images of the stacks on it; the other host of the lab is Compose's."""
    world = World(tmp_path, (lab2.host(1),), console)
    world.settings["GITOPS_ORCH_ENVIRONMENT"] = "live"
    root = str(tmp_path / "data")
    world.commit({"hosts/h1.yaml": host_document("h1", world.host.unix, data_root=root)})
    return world


def load(names: Iterable[str], *hosts: LabHost) -> None:
    """Bring the images that the stacks name to the hosts."""
    text = "".join(str(text) for name in names for text in files_of(name, {}).values())
    archive = image_archive(tuple(each for each in stubs() if each.tag.rpartition(":")[0] in text))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.load((archive,)), hosts))


def stacks(names: Iterable[str], host: LabHost, directory: Path) -> dict[str, str | bytes]:
    """Return the files of stacks; what they mount from elsewhere on the host is below the test's own directory."""
    (directory / "srv/media").mkdir(parents=True, exist_ok=True)
    places = {"/var/run/docker.sock:": f"{host.socket}:", "/srv/": f"{directory}/srv/"}
    return {path: text for name in names for path, text in files_of(name, places).items()}


def compose_up(program: Path, host: LabHost, names: Iterable[str], directory: Path) -> None:
    """Do as people do: a directory for each stack, and `docker compose up -d` in it."""
    for path, content in stacks(names, host, directory).items():
        file = directory / "theirs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(content))

    def up(name: str) -> None:
        docker_compose(program, host.unix, directory / "theirs" / name, "up", "-d")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(up, (name for name in names if name != "whoami")))
    if "whoami" in names:
        up("whoami")  # its network is that of another stack


def state(row: dict) -> str:
    """Return `up`, `done` for what ended well, or how it is else."""
    status = row["State"]["Status"]
    health = row["State"].get("Health", {}).get("Status", "healthy")
    if status == "running":
        return "up" if health == "healthy" else health
    return "done" if (status, row["State"]["ExitCode"]) == ("exited", 0) else status


def seen(host: LabHost, app: str, service: str) -> Found:
    """Return how each service is, and where in it something is mounted, as `stack/service`."""
    found = {}
    with host.client() as client:
        for row in client.containers(all=True, filters={"label": service}):
            labels = row["Labels"]
            if not row["Names"][0].endswith("-kept"):
                full = client.inspect_container(row["Id"])
                targets = (mount["Destination"] for mount in full["Mounts"])
                mounts = tuple(sorted(target for target in targets if target != str(host.socket)))
                found[f"{labels[app]}/{labels[service]}"] = (state(full), mounts)
    return found


def by_us(world: World) -> Found:
    return seen(world.host, "gitops-orch.app", "gitops-orch.service")


def by_compose(program: Path, host: LabHost, names: Iterable[str], directory: Path) -> Found:
    """Return what Compose brings up, once all of it is up; then its host is shut down, and leaves the cores to ours."""
    compose_up(program, host, names, directory)

    def up() -> bool:
        return {status for status, _ in seen(host, PROJECT, SERVICE).values()} <= {"up", "done"}

    wait_for("what Compose started to come up", up, deadline_s=60)
    found = seen(host, PROJECT, SERVICE)
    host.kill()
    return found


def overlays(changed: Mapping[str, str], change: str = "") -> dict[str, str]:
    """Return overlays that shorten what a container is watched for, and that change one service of each stack."""
    found = {}
    for name, service in changed.items():
        path = file_of(name)
        services = yaml.safe_load(path.read_text())["services"]
        body = {each: {"deploy": {"update_config": {"monitor": "2s"}}} for each in services}
        if change:
            body[service]["environment"] = [change]
        text = yaml.safe_dump({"services": body})
        found[f"{name}/{path.stem}.live{path.suffix}"] = text
    return found


def settle(world: World) -> None:
    """Sync, and insist that all is well and nothing is left to do."""
    reply = world.run("sync", deadline_s=300)
    assert reply.exit_code == 0, reply.text
    rows = {row["app"]: (row["sync"], row["health"]) for row in reply.document["apps"]}
    assert set(rows.values()) == {("in-sync", "healthy")}, rows
    world.expect_nothing_to_do()


def with_the_change(world: World) -> set[str]:
    return {each.service for each in world.ours() if "CHANGED=1" in each.environment}


@contextmanager
def daemon_restarts(world: World) -> Iterator[None]:
    """Restart the Engine once the first container with the change runs, while a block is under way."""

    def is_under_way() -> bool:
        return any("CHANGED=1" in each.environment and each.state == "running" for each in world.containers())

    def restart() -> None:
        wait_for("the first new container", is_under_way, deadline_s=100)
        world.host.stop()
        world.host.start()

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.timeout(580)
@pytest.mark.parametrize("changed", [GROUPS[name] for name in TRIED], ids=TRIED)
def test_what_compose_brings_up_is_up_and_stays_up_when_it_changes_and_the_daemon_restarts(
    ours: World, lab2: Lab, compose_oracle: Path, tmp_path: Path, changed: Mapping[str, str]
):
    theirs = lab2.host(2)
    load(changed, ours.host, theirs)
    ours.commit({**stacks(changed, ours.host, tmp_path), **overlays(changed)})
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(by_compose, compose_oracle, theirs, changed, tmp_path)
        settle(ours)
        expected = done.result()
    assert by_us(ours) == expected
    before = ours.ids()

    ours.commit(overlays(changed, "CHANGED=1"))
    with daemon_restarts(ours):
        reply = ours.run("sync", deadline_s=300)
    assert reply.exit_code != 4, reply.text  # a daemon that restarts is no verdict on a release
    settle(ours)
    assert by_us(ours) == expected
    assert len(with_the_change(ours)) == len(changed), with_the_change(ours)

    ours.revert_head()
    settle(ours)
    assert by_us(ours) == expected
    assert not with_the_change(ours)
    assert before.keys() & ours.ids().keys()
