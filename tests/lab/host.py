"""One real Docker host of a lab: a network namespace with a daemon, and all the ways in which a host can fail."""

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException
from lab.certificates import Certificates
from lab.commands import LabError, run, start_logged, wait_for
from lab.flavour import Flavour
from lab.slot import Slot, cgroup_members, is_stopped, kill, processes_naming, reap
from lab.stub import stub_images
from requests.exceptions import RequestException

DAEMON_S_MAX = 60.0
PORT = 2375
TLS_PORT = 2376
# Fixed, not queried: an Engine runs two programs to report its own version.
API_VERSION = "1.41"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """The configuration of a lab host."""

    slot: Slot
    number: int
    flavour: Flavour
    certificates: Certificates | None = None

    @property
    def address(self) -> str:
        """Return the host's address on the lab's bridge."""
        return f"{self.slot.subnet}.{self.number + 1}"


class LabHost:
    """A Docker host with its own name, address, daemon and data; it may fail in any way and be started again."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        self.name = f"h{spec.number}"
        self.namespace = f"{spec.slot.name}h{spec.number}"
        self.address = spec.address
        self.directory = spec.slot.directory / self.name
        self.cgroup = f"{spec.slot.cgroup}/{self.name}"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._lives_on = False  # whether its containers run on when its daemon ends
        self._stubs: dict[str, str] = {}

    @property
    def socket(self) -> Path:
        """Return the daemon's unix socket."""
        return self.directory / "docker.sock"

    @property
    def unix(self) -> str:
        """Return the URL of the unix socket; it works also while the network is cut."""
        return f"unix://{self.socket}"

    @property
    def tcp(self) -> str:
        """Return the URL of the host over the network."""
        return f"tcp://{self.address}:{TLS_PORT if self.spec.certificates else PORT}"

    @property
    def log(self) -> Path:
        """Return the log file of the daemon."""
        return self.directory / "dockerd.log"

    def prepare(self) -> None:
        """Create the namespace and its link to the lab's bridge."""
        self.directory.mkdir(mode=0o700)
        self._make_network()

    def launch(self) -> None:
        """Start the programs of the host without waiting for them."""
        self.socket.unlink(missing_ok=True)
        containerd = [self.spec.flavour.containerd, *self._containerd_flags()]
        self._daemons = [
            self._start(containerd, "containerd.log"),
            self._start(self._dockerd(), "dockerd.log"),
        ]

    def start(self) -> None:
        """Start the host and return when its Engine answers."""
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the Engine answers; LabError with the end of its log if it does not."""
        try:
            wait_for(f"the Engine of {self.name}", self._answers_or_ended, deadline_s=DAEMON_S_MAX)
        except LabError as error:
            raise LabError(f"{error}\n{self.log.read_text()[-3000:]}") from error

    def stop(self) -> None:
        """Shut the Engine down cleanly: its containers stop; those with a restart policy start again with it."""
        dockerd = self._daemons[-1]
        dockerd.terminate()
        dockerd.wait(DAEMON_S_MAX)
        self.kill()

    @contextmanager
    def without_daemon(self) -> Iterator[None]:
        """Stop only the daemon for the duration of a block, with `live-restore`: its containers keep running."""
        self._lives_on = True
        self._write_config()
        self._signal(signal.SIGHUP)
        with self.client() as client:
            wait_for("live-restore", lambda: client.info()["LiveRestoreEnabled"])
        self._daemons[-1].terminate()
        self._daemons[-1].wait(DAEMON_S_MAX)
        yield
        self._daemons[-1] = self._start(self._dockerd(), "dockerd.log")
        self.wait_ready()

    def kill(self) -> None:
        """Cut the power: daemon, supervisors and containers end at once."""
        self.resume()
        reap(lambda: processes_naming(f"{self.directory}/") | self._namespace_members())
        reap(lambda: cgroup_members(self.cgroup))
        for daemon in self._daemons:
            daemon.wait(DAEMON_S_MAX)
        self._daemons = []
        for stale in self.directory.rglob("*.pid"):
            stale.unlink(missing_ok=True)

    def pause(self) -> None:
        """Freeze the daemon: connections are accepted and never answered; containers keep running."""
        self._signal(signal.SIGSTOP)
        # The call only delivers the signal: a thread may still answer until all threads are observed as stopped.
        wait_for(f"{self.name} to freeze", lambda: is_stopped(self._daemons[-1].pid))

    def resume(self) -> None:
        """Let a frozen daemon continue."""
        self._signal(signal.SIGCONT)

    def cut(self) -> None:
        """Pull the network cable."""
        run("ip", "link", "set", self._cable, "down")

    def reconnect(self) -> None:
        """Plug the network cable in."""
        run("ip", "link", "set", self._cable, "up")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the host for the duration of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze the daemon for the duration of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Pull the network cable for the duration of a block."""
        self.cut()
        try:
            yield
        finally:
            self.reconnect()

    @contextmanager
    def client(self, *, timeout_s: float = 60.0) -> Iterator[docker.APIClient]:
        """Lend a plain client of the Engine, to prepare its objects and to inspect them afterwards."""
        client = docker.APIClient(base_url=self.unix, version=API_VERSION, timeout=timeout_s)
        try:
            yield client
        finally:
            client.close()

    def load(self, archives: Iterable[bytes]) -> None:
        """Load images into the host."""
        with self.client() as client:
            for archive in archives:
                for line in client.load_image(archive):
                    if "error" in line:
                        raise LabError(f"{self.name} refused an image: {line['error']}")

    def restore(self) -> None:
        """Repair and empty the host after a test, so that the next test finds its initial state."""
        self.reconnect()
        self.resume()
        if self._lives_on or not self._answers():
            self._lives_on = False
            self.kill()
            self.start()
        self.wipe()

    def load_stubs(self) -> None:
        """Load the stub images into the host."""
        self.load((stub_images(),))
        self._stubs = self._images()

    def wipe(self) -> None:
        """Remove everything except the stub images, as they were loaded."""
        with self.client() as client:
            for container in client.containers(all=True):
                with suppress(APIError):  # it was removed after the listing
                    client.remove_container(container["Id"], force=True, v=True)
            client.prune_networks()
            for volume in client.volumes()["Volumes"] or ():
                client.remove_volume(volume["Name"], force=True)
            found = self._images()
            for name in found.keys() - self._stubs.keys():
                client.remove_image(name, force=True)
        if not self._stubs.items() <= found.items():
            self.load_stubs()

    def run_inside(self, *argv: str) -> str:
        """Run a program with the host's network, and return its output."""
        return run("nsenter", f"--net=/run/netns/{self.namespace}", *argv)

    @property
    def _cable(self) -> str:
        return f"{self.namespace}v"

    def _make_network(self) -> None:
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "link", "set", self._cable, "master", self.spec.slot.name, "up")
        self.run_inside("ip", "link", "set", "lo", "up")
        self.run_inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.run_inside("ip", "link", "set", "eth0", "up")
        self.run_inside("ip", "route", "add", "default", "via", f"{self.spec.slot.subnet}.1")

    def _start(self, argv: list[str], log: str) -> subprocess.Popen[bytes]:
        # Not `ip netns exec`: it remounts /sys, and the daemon exits because its cgroups are missing.
        enter = ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--uts", "sh", "-c"]
        rename = 'hostname "$0" && exec "$@"'
        environment = self.spec.flavour.environment()
        return start_logged([*enter, rename, self.name, *argv], self.directory / log, env=environment)

    def _containerd_flags(self) -> list[str]:
        # A separate containerd: dockerd would use the one of the system, and share its containers.
        base = self.directory
        (base / "containerd.toml").write_text(
            f'version = 2\nroot = "{base}/containerd"\nstate = "{base}/containerd-run"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{base}/containerd.sock"\n'
        )
        return ["--config", f"{base}/containerd.toml", "--log-level", "warn"]

    def _dockerd(self) -> list[str]:
        base = self.directory
        self._write_config()
        flags = {
            "--config-file": f"{base}/daemon.json",
            "--containerd": f"{base}/containerd.sock",
            "--data-root": f"{base}/data",
            "--exec-root": f"{base}/exec",
            "--pidfile": f"{base}/dockerd.pid",
            "--cgroup-parent": f"/{self.cgroup}",
            "--exec-opt": "native.cgroupdriver=cgroupfs",
            "--insecure-registry": "10.99.0.0/16",
            "--label": f"zone=z{self.spec.number}",
            "--log-level": "warn",
        }
        words = [word for pair in flags.items() for word in pair]
        hosts = ["--host", self.unix, "--host", self.tcp, "--group", str(os.getgid())]
        return [self.spec.flavour.dockerd, *words, *hosts, *self._tls_flags()]

    def _write_config(self) -> None:
        """Write a separate file: the daemon.json of the machine must not be used."""
        config = {"live-restore": True} if self._lives_on else {}
        (self.directory / "daemon.json").write_text(json.dumps(config))

    def _tls_flags(self) -> list[str]:
        files = self.spec.certificates
        if files is None:
            return ["--tls=false"]  # explicit: otherwise the daemon waits and prints a warning
        pair = [f"--tlscert={files.cert('server')}", f"--tlskey={files.key('server')}"]
        return ["--tlsverify", f"--tlscacert={files.ca}", *pair]

    def _answers_or_ended(self) -> bool:
        if any(daemon.poll() is not None for daemon in self._daemons):
            raise LabError(f"a program of {self.name} ended")
        return self._answers()

    def _answers(self) -> bool:
        try:
            with self.client(timeout_s=2) as client:
                return bool(client.ping())
        except (DockerException, RequestException):
            return False

    def _images(self) -> dict[str, str]:
        """Return the image id of every tag; an image without a tag has its id as key."""
        with self.client() as client:
            listed = client.images()
        return {tag: image["Id"] for image in listed for tag in _tags(image) or [image["Id"]]}

    def _signal(self, number: signal.Signals) -> None:
        for daemon in self._daemons[-1:]:
            kill(daemon.pid, number)

    def _namespace_members(self) -> set[int]:
        return {int(word) for word in run("ip", "netns", "pids", self.namespace).split()}


def _tags(image: Mapping[str, Any]) -> list[str]:
    return [tag for tag in image["RepoTags"] or () if tag != "<none>:<none>"]
