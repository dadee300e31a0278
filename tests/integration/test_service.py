"""The service on a real Engine: it hears, it heals, it stops cleanly, and it is alone."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from faults.unruly import Unruly, hang, unruly
from integration.console import CONSOLE, clean_environment, run_program
from integration.service_process import run_service
from integration.world import Seen, World, compose, host_document, service
from lab.commands import wait_for

WEB = "apps/web/compose.yaml"

DRIFTS: dict[str, Callable[[docker.APIClient, Seen], object]] = {
    "removed": lambda client, ours: client.remove_container(ours.id, force=True),
    "stopped": lambda client, ours: client.stop(ours.id, timeout=1),
    "renamed": lambda client, ours: client.rename(ours.id, "elsewhere"),
    "paused": lambda client, ours: client.pause(ours.id),
    "limited": lambda client, ours: client.update_container(ours.id, mem_limit="64m", memswap_limit="128m"),
    "disconnected": lambda client, ours: client.disconnect_container_from_network(ours.id, "web_default"),
}


@pytest.fixture
def deployed(world: World) -> World:
    world.commit({WEB: compose({"front": service(mem_limit="32m")})})
    world.deploy()
    return world


def is_as_before(world: World, before: Seen) -> bool:
    def facts(seen: Seen) -> tuple:
        return seen.name, seen.state, seen.networks, seen.memory_bytes

    return [facts(seen) for seen in world.ours()] == [facts(before)]


def test_drift_of_every_kind_is_heard_and_healed_at_once(deployed: World):
    with run_service(deployed) as running:
        running.await_runs(1)
        for drift, cause in DRIFTS.items():
            before = deployed.one("web/front")
            with deployed.host.client() as client:
                cause(client, before)
            wait_for(f"what was {drift} to be healed", lambda before=before: is_as_before(deployed, before))
        assert running.stop() == 0


def test_drift_is_found_by_the_periodic_listing_where_no_event_told_of_it(deployed: World):
    before = deployed.one("web/front")
    with deployed.host.client() as client:
        client.rename(before.id, "elsewhere")  # before the service listens

    with run_service(deployed, GITOPS_ORCH_RESYNC__INTERVAL="1s") as running:
        wait_for("it to have its name again", lambda: is_as_before(deployed, before))
        assert running.stop() == 0


def test_a_commit_is_followed_within_a_poll(deployed: World):
    with run_service(deployed, GITOPS_ORCH_POLL__INTERVAL="1s") as running:
        running.await_runs(1)
        deployed.commit({WEB: compose({"front": service("stub:2")})})
        wait_for(
            "the new image", lambda: [seen.image for seen in deployed.ours()] == ["stub:2"], deadline_s=60
        )
        assert running.stop() == 0


def test_a_sync_beside_it_is_carried_out_by_the_service(deployed: World):
    with run_service(deployed) as running:
        running.await_runs(1)
        deployed.commit({WEB: compose({"front": service("stub:2")})})

        reply = deployed.sync()

        assert reply.exit_code == 0, reply.text
        assert deployed.one("web/front").image == "stub:2"
        assert [row["commit"] for row in running.logged("run.finished")][-1] == deployed.repository.head()


def test_a_second_service_on_the_same_state_is_refused(deployed: World):
    with run_service(deployed) as running:
        running.await_runs(1)

        second = run_program(*deployed.command_line("run")[:-2], environment=deployed.settings)

        assert second.exit_code == 1
        assert "another" in second.stderr
        assert running.stop() == 0


def test_sigterm_in_the_middle_of_a_run_ends_it_cleanly_and_leaves_things_whole(deployed: World):
    old = deployed.one("web/front")
    with run_service(deployed, GITOPS_ORCH_POLL__INTERVAL="1s") as running:
        running.await_runs(1)
        slow = service("stub:slow", mem_limit="32m", environment={"HEALTHY_AFTER": "600"})
        deployed.commit({WEB: compose({"front": slow})})
        wait_for(
            "the new one to be waited for",
            lambda: [seen.image for seen in deployed.ours() if seen.state == "running"].count("stub:slow"),
            deadline_s=60,
        )

        assert running.stop() == 0

    assert next(seen for seen in deployed.ours() if seen.id == old.id).state == "running"
    deployed.commit({WEB: compose({"front": service("stub:2")})})
    deployed.converge()
    assert [seen.image for seen in deployed.ours()] == ["stub:2"]


@contextmanager
def pull_that_hangs(world: World, directory: Path) -> Iterator[Unruly]:
    """Commit an app whose image never occurs; its host is reached through what keeps the image back."""
    with unruly(directory / "s", str(world.host.unix).removeprefix("unix://")) as proxy:
        proxy.on("images/create", hang)
        host = {f"hosts/{world.host.name}.yaml": host_document(world.host.name, proxy.url)}
        world.commit({**host, "apps/slow/compose.yaml": compose({"back": service("elsewhere:1")})})
        yield proxy


def test_an_interrupt_ends_a_sync_that_waits_for_a_pull(deployed: World, tmp_path: Path):
    with pull_that_hangs(deployed, tmp_path) as proxy:
        environment = clean_environment(deployed.settings)
        syncing = subprocess.Popen(
            [str(CONSOLE), *deployed.command_line("sync")], stdout=subprocess.DEVNULL, env=environment
        )
        wait_for("the pull to begin", lambda: proxy.asked("images/create"))
        syncing.send_signal(signal.SIGINT)
        assert syncing.wait(20) == 130


def test_a_pull_that_hangs_keeps_no_other_app_from_healing_and_no_newer_commit_waiting(
    deployed: World, tmp_path: Path
):
    with (
        pull_that_hangs(deployed, tmp_path) as proxy,
        run_service(deployed, GITOPS_ORCH_POLL__INTERVAL="1s") as running,
    ):
        wait_for("the pull to begin", lambda: proxy.asked("images/create"))

        before = deployed.one("web/front")
        with deployed.host.client() as client:
            DRIFTS["removed"](client, before)
        wait_for("what was removed to be healed", lambda: is_as_before(deployed, before))
        deployed.commit({WEB: compose({"front": service("stub:2")})})
        wait_for("the new image", lambda: [seen.image for seen in deployed.ours()] == ["stub:2"])

        assert proxy.asked("images/create") == 1
        assert running.stop() == 0


def test_an_engine_that_goes_away_and_comes_back_is_listened_to_again(deployed: World):
    with run_service(deployed, GITOPS_ORCH_RESYNC__INTERVAL="2s") as running:
        running.await_runs(1)
        with deployed.host.stopped():
            pass
        wait_for(
            "the container to run again",
            lambda: [seen.state for seen in deployed.ours()] == ["running"],
            deadline_s=60,
        )
        assert running.stop() == 0
