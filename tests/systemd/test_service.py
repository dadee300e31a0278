"""The hardened service as a real systemd runs it: it becomes active, does its work, and stops cleanly."""

import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.boot import Machine, booted
from lab.commands import LabError, run, wait_for
from lab.host import LabHost
from lab.provided import provided

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("purelib"))
PROGRAM = '#!/bin/sh\nPYTHONPATH=/opt/gitops-orch:/opt/packages exec python3 -m gitops_orch "$@"\n'
CONFIG = """repository: {url: "file:///srv/fleet.git"}
instance: booted
poll: {interval: 1s}
"""
HOST = "apiVersion: gitops-orch/v1\nkind: Host\nmetadata: {name: here}\nspec: {url: 'unix:///run/engine/docker.sock'}\n"
APP = "services: {web: {image: 'stub:1', deploy: {update_config: {monitor: 0s}}}}\n"


def make_fleet(directory: Path) -> None:
    work = directory / "work"
    for path, content in {"hosts/here.yaml": HOST, "web/compose.yaml": APP}.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content)
    git = ("git", "-C", str(work), "-c", "user.name=tester", "-c", "user.email=tester@localhost")
    run(*git, "init", "-q", "--initial-branch=main")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "Describe the fleet")
    run("git", "clone", "-q", "--bare", str(work), str(directory / "fleet.git"))


def install(machine: Machine) -> None:
    """What README.md says, with the program of this checkout instead of an installed one."""
    machine.write("/usr/local/bin/gitops-orch", PROGRAM, mode=0o755)
    machine.check("cp", "/opt/gitops-orch/systemd/gitops-orch.service", "/etc/systemd/system/")
    machine.check(
        "cp", "/opt/gitops-orch/systemd/gitops-orch.sysusers", "/usr/lib/sysusers.d/gitops-orch.conf"
    )
    machine.check("systemd-sysusers")
    machine.write("/etc/gitops-orch/config.yaml", CONFIG, mode=0o644)
    machine.check("cp", "-R", "/mnt/fleet.git", "/srv/fleet.git")
    machine.check("chown", "-R", "gitops-orch:", "/srv/fleet.git")
    machine.check("systemctl", "daemon-reload")


def need_python(version: str) -> None:
    if not platform.python_version().startswith(f"{version}."):
        raise LabError(f"the booted Debian 12 cannot use packages of another Python than {version}")


@pytest.fixture
def machine(engine_host: LabHost, tmp_path: Path) -> Iterator[Machine]:
    with provided():
        need_python("3.11")
    make_fleet(tmp_path)
    # The group docker of the booted machine is not that of this one.
    engine_host.directory.chmod(0o755)
    engine_host.socket.chmod(0o666)
    mounts = {
        ROOT: "/opt/gitops-orch",
        PACKAGES: "/opt/packages",
        tmp_path: "/mnt",
        engine_host.directory: "/run/engine",
    }
    with booted(engine_host, mounts) as machine:
        install(machine)
        yield machine


def journal(machine: Machine) -> str:
    return machine.check("journalctl", "-u", "gitops-orch", "--no-pager", "-n", "20")


def running(host: LabHost) -> list[str]:
    with host.client() as client:
        found = client.containers(filters={"label": "gitops-orch.instance=booted"})
        return [container["Image"] for container in found]


def test_the_service_becomes_active_converges_and_stops_cleanly(machine: Machine) -> None:
    code, said = machine.run("systemctl", "start", "gitops-orch")
    assert code == 0, said + journal(machine)
    assert machine.check("systemctl", "is-active", "gitops-orch").strip() == "active"
    try:
        wait_for("the app to run", lambda: running(machine.host) == ["stub:1"])
    except LabError:
        pytest.fail(journal(machine))
    machine.check("systemctl", "stop", "gitops-orch")
    ended = machine.check(
        "systemctl", "show", "gitops-orch", "-p", "Result,ExecMainStatus,NRestarts,ActiveState"
    )
    assert sorted(ended.split()) == [
        "ActiveState=inactive",
        "ExecMainStatus=0",
        "NRestarts=0",
        "Result=success",
    ]
    assert running(machine.host) == ["stub:1"]
