"""The first hour with one's own files on a real Engine: what is said of it by every verb, and what comes up.

Other files here hold what has one of its own: adoption, crashes while waiting, namespaces, externals, swaps, grace periods.
"""

import json
import re
from pathlib import Path

import pytest
from integration.console import Console
from integration.world import World, compose, service
from lab.registry import Registry

SHOP = "shop/compose.yaml"


def said_by_all(world: World) -> tuple[str, str, str]:
    """Return the reason of the only app as `sync`, `status` of another process and `history` have it."""
    reply = world.sync()
    assert reply.exit_code != 0, reply.text
    (app,) = reply.document["apps"]
    status = world.run("status")
    assert status.exit_code != 0
    return (
        app["reason"],
        status.document["apps"][0]["reason"],
        world.run("history").document["releases"][0]["reason"],
    )


@pytest.mark.parametrize(
    ("broken", "more", "said"),
    [
        ({"deploy": {"resources": {"limits": {"cpus": "64"}}}}, {}, "fewer processors"),
        ({"image": "127.0.0.1:1/shop:1"}, {}, "cannot be pulled"),
        ({"networks": ["edge"]}, {"networks": {"edge": {"driver": "nowhere"}}}, "nowhere"),
    ],
    ids=["cpus", "image", "network"],
)
def test_what_a_host_refuses_is_said_by_sync_status_history_and_the_log(world: World, broken, more, said):
    world.commit({SHOP: compose({"web": service()})})
    world.deploy()
    before = world.one("shop/web")

    world.commit({SHOP: compose({"web": service() | broken}, **more)})
    reasons = said_by_all(world)

    assert all(said in reason for reason in reasons), reasons
    logged = [json.loads(line) for line in world.sync().stderr.splitlines() if line.startswith("{")]
    assert any(said in row["error"] for row in logged if row["event"] == "action.finished"), logged
    assert world.one("shop/web") == before


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"entrypoint": [], "command": "nosuchprogram"}, 'exec: "nosuchprogram": executable file not found'),
        ({"devices": ["/dev/ttyNONE0"]}, 'custom device "/dev/ttyNONE0": no such file or directory'),
        ({"user": "nosuchuser"}, "unable to find user nosuchuser"),
    ],
    ids=["command", "device", "user"],
)
def test_a_person_reads_once_why_a_container_cannot_be_started(world: World, broken, said):
    world.commit({SHOP: compose({"web": service()})})
    world.deploy()
    world.commit({SHOP: compose({"web": service() | broken})})
    words = [word for word in world.command_line("sync") if word not in {"-o", "json"}]
    reply = world.console.run(*words, environment=world.settings)
    printed = reply.stdout + reply.stderr
    assert printed.count(said) == 1, printed
    assert "OCI runtime" not in printed
    assert re.search(r"\] start \S+: failed", reply.stderr), printed


def test_an_app_without_a_word_of_ours_comes_up_when_its_database_answers(world: World):
    db = {
        "image": "stub:1",
        "restart": "unless-stopped",
        "command": ["sh", "-c", "sleep 6; exec httpd -f -p 5432"],
    }
    waits = "nc db 5432 </dev/null || { echo database not there; exit 1; }; exec httpd -f -p 8080 -h /www"
    app = {
        "image": "stub:1",
        "restart": "unless-stopped",
        "depends_on": ["db"],
        "command": ["sh", "-c", waits],
    }
    world.commit({SHOP: compose({"db": db, "app": app})})
    world.converge()
    assert world.one("shop/app").restart_count > 0


def test_the_variables_of_compose_in_a_committed_file_count(world: World):
    world.commit(
        {
            "shop/docker-compose.yml": compose({"web": service(), "debug": service(profiles=["debug"])}),
            "shop/docker-compose.prod.yml": compose(
                {"web": {"environment": {"PROD": "1"}, "restart": "always"}}
            ),
            "shop/.env": "COMPOSE_FILE=docker-compose.yml:docker-compose.prod.yml\n"
            "COMPOSE_PROJECT_NAME=myshop\nCOMPOSE_PROFILES=debug\n",
        }
    )
    world.converge()
    web = world.one("myshop/web")
    assert ("PROD=1" in web.environment, web.restart_policy) == (True, "always")
    assert world.one("myshop/debug").state == "running"


def test_a_linked_file_of_variables_gives_its_values(world: World):
    web = service(environment={"TZ": "${TZ}"}, env_file=["more.env"])
    world.commit({"common.env": "TZ=Europe/Berlin\n", "other.env": "MORE=1\n", SHOP: compose({"web": web})})
    clone = world.directory / "clone"
    world.git("clone", "-q", world.repository.url, str(clone))
    (clone / "shop/.env").symlink_to("../common.env")
    (clone / "shop/more.env").symlink_to("../other.env")
    world.git("-C", str(clone), "add", "-f", ".")
    world.git("-C", str(clone), "commit", "-qm", "links")
    world.git("-C", str(clone), "push", "-q", "origin", "HEAD:main")
    world.converge()
    assert {"TZ=Europe/Berlin", "MORE=1"} <= set(world.one("shop/web").environment)


def test_a_raw_file_of_variables_reaches_the_container_as_it_stands(world: World):
    web = service(env_file=[{"path": "e.env", "format": "raw"}])
    world.commit({SHOP: compose({"web": web}), "shop/e.env": "P=a$b\n"})
    world.converge()
    assert "P=a$b" in world.one("shop/web").environment


def test_a_key_that_an_engine_is_too_old_for_is_said_with_the_version_that_has_it(world: World):
    world.commit({SHOP: compose({"web": service(networks={"default": {"interface_name": "eth7"}})})})
    assert world.sync().exit_code == 1
    assert "Docker Engine 28.1 or newer" in world.run("status").app("shop")["reason"]
    assert world.ours() == []


@pytest.mark.parametrize("volume", ["d:/data", "C:/data:/data", "data:data"])
def test_a_mount_that_no_engine_takes_is_refused_at_its_line(world: World, volume: str):
    world.commit({SHOP: compose({"web": service(volumes=[volume])}, volumes={"d": {}, "data": {}})})
    reply = world.sync()
    assert reply.exit_code == 1
    assert f"{SHOP}:" in reply.text
    assert f"{SHOP}:" in world.run("status").text
    assert world.containers() == []


@pytest.mark.parametrize("policy", ["always", "every_1s"])
def test_a_tag_that_is_pushed_again_is_rolled_out_by_a_sync(world: World, registry: Registry, policy: str):
    image = registry.push(world.host, "stub:1", name=f"again-{policy}:prod")
    world.commit({SHOP: compose({"web": service(image, pull_policy=policy)})})
    world.deploy()
    before = world.one("shop/web")
    registry.push(world.host, "stub:2", name=f"again-{policy}:prod")

    reply = world.run("sync", "--pull")

    assert reply.exit_code == 0, reply.text
    assert world.one("shop/web").image_id != before.image_id
    assert any("sha256:" in action["reason"] for action in reply.actions), reply.text


@pytest.mark.parametrize("kind", ["credsStore", "credHelpers"])
def test_credentials_of_a_helper_are_named_until_it_is_there_and_then_used(
    world: World, private_registry: Registry, kind: str
):
    image = private_registry.push(world.host, "stub:1", name="helped/front:1")
    world.commit({SHOP: compose({"web": service(image)})})
    address = private_registry.address
    helped = {"auths": {address: {}}, kind: "desktop" if kind == "credsStore" else {address: "desktop"}}
    file, programs = world.directory / "config.json", world.directory / "programs"
    file.write_text(json.dumps(helped))
    world.settings["GITOPS_ORCH_REGISTRIES"] = str(file)
    assert all("docker-credential-desktop" in reason for reason in said_by_all(world))
    assert "docker-credential-desktop" in world.run("doctor").text

    programs.mkdir()
    program = programs / "docker-credential-desktop"
    program.write_text('#!/bin/sh\necho \'{"Username": "ann", "Secret": "pw"}\'\n')
    program.chmod(0o755)
    world.settings["GITOPS_ORCH_CREDENTIAL_HELPERS"] = str(programs)
    world.converge()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix://{}/none.sock", "systemctl start docker"),
        ("tcp://127.0.0.1:1", "insecure: true"),
        ("npipe:////./pipe/docker_engine", "write unix:///path, tcp://host:2376 or ssh://user@host"),
        ("ssh://nobody@127.0.0.1:1", "Connection refused"),
    ],
)
def test_an_engine_that_is_not_there_is_said_by_every_verb(
    console: Console, tmp_path: Path, url: str, said: str
):
    world = World(tmp_path, (), console)
    world.settings["DOCKER_HOST"] = url.format(tmp_path)
    world.commit({SHOP: compose({"web": service()})})
    replies = {verb: world.run(verb) for verb in ("plan", "sync", "status", "hosts", "doctor")}
    assert {verb for verb, reply in replies.items() if said not in reply.text} == set()
    assert [replies[verb].exit_code for verb in ("plan", "sync", "status")] == [3, 3, 3]
