"""Hooks, jobs and schedules on a real Engine."""

import shutil
import time

import pytest
from integration.service_process import run_service
from integration.world import World, compose, service
from lab.commands import wait_for

SHOP = "apps/shop/compose.yaml"
COMPLETED = {"migrate": {"condition": "service_completed_successfully"}}
FRONT_DOOR = ["127.0.0.1:18743:8080"]


def shell(line: str) -> list[str]:
    return ["sh", "-c", line]


def shop(version: str, migration: str, **web: object) -> dict[str, str]:
    """A shop whose web waits for its migration."""
    migrate = service("stub:1", entrypoint=shell(migration), environment={"VERSION": version})
    front = service("stub:1", depends_on=COMPLETED, environment={"VERSION": version}, **web)
    return {SHOP: compose({"migrate": migrate, "web": front})}


def run_times(world: World, name: str) -> list[str]:
    return [seen.started_at for seen in world.containers() if seen.service == f"shop/{name}"]


@pytest.mark.parametrize("ports", [[], FRONT_DOOR])
def test_a_migration_that_fails_leaves_the_old_version_serving(world: World, ports: list[str]):
    world.commit(shop("1", "true", ports=ports))
    world.converge()
    before = world.one("shop/web")

    world.commit(shop("2", "echo no such column; exit 3", ports=ports))
    reply = world.sync()

    assert reply.exit_code == 4, reply.text
    assert "exited with code 3" in reply.text
    (serving,) = [seen for seen in world.ours("shop/web") if seen.state == "running"]
    assert (serving.id, serving.started_at) == (before.id, before.started_at)


def test_a_one_shot_runs_once_whatever_becomes_of_the_controller(world: World):
    world.commit(shop("1", "true"))
    world.converge()
    before = run_times(world, "migrate")

    world.converge()
    shutil.rmtree(world.state)
    world.converge()
    with world.host.client() as client:
        client.remove_container(world.one("shop/web").id, force=True)
    world.converge()
    assert run_times(world, "migrate") == before

    with world.host.client() as client:
        client.remove_container(world.one("shop/migrate").id, force=True)
    world.converge()
    assert run_times(world, "migrate") == []


def test_a_job_is_tried_again_by_the_engine_until_it_ends_well(world: World):
    tries = {
        "mode": "replicated-job",
        "replicas": 2,
        "restart_policy": {"condition": "on-failure", "max_attempts": 5},
    }
    flaky = shell("echo x >> /tries; test $(wc -l < /tries) -ge 3")
    world.commit({SHOP: compose({"load": service("stub:1", deploy=tries, entrypoint=flaky)})})
    world.converge()
    assert [(seen.state, seen.restart_count) for seen in world.ours()] == [("exited", 2), ("exited", 2)]

    world.commit({SHOP: compose({"load": service("stub:1", deploy=tries, entrypoint=shell("true"))})})
    world.converge()
    assert [(seen.state, seen.restart_count) for seen in world.ours()] == [("exited", 0), ("exited", 0)]


def test_hooks_run_in_their_order_and_leave_their_traces(world: World):
    def files(version: str, more: str = "") -> dict[str, str]:
        note = "echo {0}-$$VERSION$$BY >> /data/log"
        web = service(
            "stub:1",
            environment={"VERSION": version},
            volumes=["data:/data"],
            pre_start=[
                {"command": shell(note.format("first")), "environment": {"BY": "-hook"}},
                {"command": shell(note.format("second") + more)},
            ],
            post_start=[{"command": shell(note.format("post")), "user": "0", "working_dir": "/data"}],
            pre_stop=[{"command": shell(note.format("pre"))}, {"command": shell("exit 5")}],
        )
        return {SHOP: compose({"web": web}, volumes={"data": {}})}

    def log() -> list[str]:
        with world.host.client() as client:
            (web,) = [seen for seen in world.ours("shop/web") if seen.state == "running"]
            made = client.exec_create(web.id, ["cat", "/data/log"])
            return client.exec_start(made["Id"]).decode().split()

    world.commit(files("1"))
    world.converge()
    assert log() == ["first-1-hook", "second-1", "post-1"]
    assert [seen.service for seen in world.ours()] == ["shop/web"]

    world.commit(files("2"))
    reply = world.deploy()
    assert log()[3:] == ["first-2-hook", "second-2", "pre-1", "post-2"]
    assert "ended with code 5" in reply.text

    world.commit(files("3", more="; echo no disk left; exit 9"))
    before = [seen.id for seen in world.ours("shop/web") if seen.state == "running"]
    reply = world.sync()
    assert reply.exit_code == 4, reply.text
    assert [seen.id for seen in world.ours("shop/web") if seen.state == "running"] == before
    (kept,) = [seen for seen in world.ours() if "pre_start" in seen.service]
    assert kept.name.endswith("-failed")


def test_a_post_start_that_fails_takes_the_release_back(world: World):
    world.commit({SHOP: compose({"web": service("stub:1")})})
    world.converge()
    before = world.one("shop/web")

    for command in (shell("echo not ready; exit 4"), ["no-such-command"]):
        web = service("stub:1", environment={"A": str(command)}, post_start=[{"command": command}])
        world.commit({SHOP: compose({"web": web})})
        reply = world.sync()
        assert reply.exit_code == 4, reply.text
        assert [seen.id for seen in world.ours("shop/web") if seen.state == "running"] == [before.id]


def test_a_scheduled_run_is_made_at_its_minute_and_never_twice(world: World):
    backup = service(
        "stub:1", entrypoint=shell("echo saved"), **{"x-gitops": {"job": {"schedule": "* * * * *"}}}
    )
    world.commit({SHOP: compose({"backup": backup, "web": service()})})
    with run_service(world) as running:
        running.await_runs(1)
        assert world.ours("shop/backup") == []
        wait_for("a run", lambda: world.ours("shop/backup"), deadline_s=75)
        wait_for("its end", lambda: world.one("shop/backup").state == "exited")
        assert running.stop() == 0
    before = world.ours("shop/backup")
    shutil.rmtree(world.state)
    world.deploy()  # perhaps in the next minute, which has a run of its own
    minutes = [seen.labels["gitops-orch.slot"] for seen in world.ours("shop/backup")]
    assert len(minutes) == len(set(minutes))
    assert before[0] in world.ours("shop/backup")
    minute = int(before[0].labels["gitops-orch.slot"])
    assert minute * 60 <= time.time() < (minute + 3) * 60


def test_a_global_service_has_the_volume_of_each_host_prepared_once(fleet: World):
    def agent(version: str) -> dict[str, str]:
        prepare = [{"command": shell("echo $$VERSION >> /data/prepared")}]
        one = service(
            "stub:1",
            environment={"VERSION": version},
            volumes=["data:/data"],
            deploy={"mode": "global"},
            pre_start=prepare,
        )
        return {SHOP: compose({"agent": one}, volumes={"data": {}})}

    def prepared() -> list[str]:
        found = []
        for name, host in fleet.hosts.items():
            (running,) = [each for each in fleet.ours("shop/agent") if each.host == name]
            with host.client() as client:
                made = client.exec_create(running.id, ["cat", "/data/prepared"])
                found.append(client.exec_start(made["Id"]).decode())
        return found

    fleet.commit(agent("1"))
    fleet.converge()
    assert prepared() == ["1\n"] * 3
    fleet.commit(agent("2"))
    fleet.deploy()
    assert prepared() == ["1\n2\n"] * 3
