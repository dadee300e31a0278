"""A Debian that boots with systemd in a container, to test the unit under a real service manager."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.boot_image import BUILD_S_MAX, boot_archive
from lab.commands import LabError, wait_for
from lab.host import LabHost

IMAGE = "booted:1"
BOOT_S_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A booted Debian; its programs run as root."""

    host: LabHost
    container: str

    def run(self, *argv: str) -> tuple[int, str]:
        """Run a program and return its exit code and what it printed."""
        with self.host.client() as client:
            started = client.exec_create(self.container, list(argv))["Id"]
            output = client.exec_start(started).decode(errors="replace")
            return int(client.exec_inspect(started)["ExitCode"]), output

    def check(self, *argv: str) -> str:
        """Run a program that must succeed, and return what it printed."""
        code, output = self.run(*argv)
        if code:
            raise LabError(f"`{' '.join(argv)}` ended with {code} in the booted machine: {output[-3000:]}")
        return output

    def write(self, path: str, content: str, *, mode: int) -> None:
        """Write a file, with the directories that lead to it."""
        self.check(
            "sh",
            "-c",
            'mkdir -p "${0%/*}" && printf %s "$1" >"$0" && chmod "$2" "$0"',
            path,
            content,
            f"{mode:o}",
        )


@contextmanager
def booted(host: LabHost, mounts: Mapping[Path, str]) -> Iterator[Machine]:
    """Lend a Debian that has booted on a lab host, with local directories mounted read-only at the given paths."""
    archive = boot_archive()
    with host.client(timeout_s=BUILD_S_MAX) as client:
        if not client.images(IMAGE):
            client.import_image(src=str(archive), repository="booted", tag="1")
        container = client.create_container(IMAGE, **_settings(client, mounts))["Id"]
        try:
            client.start(container)
            machine = Machine(host=host, container=container)
            wait_for("systemd to boot", lambda: _is_up(machine), deadline_s=BOOT_S_MAX)
            yield machine
        finally:
            client.remove_container(container, force=True, v=True)


def _settings(client: object, mounts: Mapping[Path, str]) -> dict[str, object]:
    binds = [f"{source}:{target}:ro" for source, target in mounts.items()]
    host_config = client.create_host_config(  # type: ignore[attr-defined]
        # Not privileged: some test machines lack a capability that a privileged container needs.
        cap_add=["SYS_ADMIN", "NET_ADMIN"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        tmpfs={"/run": "", "/run/lock": "", "/tmp": ""},
        binds=[*binds, "/sys/fs/cgroup:/sys/fs/cgroup:rw"],
    )
    host_config["CgroupnsMode"] = "host"
    return {"command": ["/sbin/init"], "environment": {"container": "docker"}, "host_config": host_config}


def _is_up(machine: Machine) -> bool:
    state = machine.run("systemctl", "is-system-running")[1].strip()
    return state in ("running", "degraded")
