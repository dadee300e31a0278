"""A real image registry with its own address, which every lab host can reach."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lab.commands import LabError, run, start_logged, wait_for
from lab.host import LabHost
from lab.slot import Slot, claim_slot, release_slot

PORT = 5000
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""
GUARD = """auth: {{htpasswd: {{realm: lab, path: {directory}/htpasswd}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of a registry; `bcrypt` is the hash of the password, as htpasswd writes it."""

    username: str
    password: str
    bcrypt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A registry over plain HTTP; `address` is the first part of an image's reference.  Without a login it is open."""

    address: str
    login: Login | None = None

    def push(self, host: LabHost, image: str, *, name: str) -> str:
        """Push an image of the host under `name`, remove the new tag from the host, return the reference to pull."""
        repository, _, tag = f"{self.address}/{name}".rpartition(":")
        reference = f"{repository}:{tag}"
        who = {"username": self.login.username, "password": self.login.password} if self.login else None
        with host.client() as client:
            client.tag(image, repository, tag)
            for line in client.push(repository, tag, stream=True, decode=True, auth_config=who):
                if "error" in line:
                    raise LabError(f"the registry refused {reference}: {line['error']}")
            client.remove_image(reference)
        return reference


def push_for_platforms(registry: Registry, images: Mapping[str, str], *, name: str) -> str:
    """Combine pushed images, by architecture, under one tag of their repository; return the reference to pull."""
    rows = []
    for architecture, reference in images.items():
        body, digest = _manifest(registry, reference)
        platform = {"os": "linux", "architecture": architecture}
        row = {"mediaType": MANIFEST, "size": len(body), "digest": digest, "platform": platform}
        rows.append(row)
    repository, _, tag = name.rpartition(":")
    body = json.dumps({"schemaVersion": 2, "mediaType": MANIFESTS, "manifests": rows}).encode()
    url = f"http://{registry.address}/v2/{repository}/manifests/{tag}"
    with urlopen(Request(url, data=body, method="PUT", headers={"Content-Type": MANIFESTS}), timeout=10):
        return f"{registry.address}/{name}"


def _manifest(registry: Registry, reference: str) -> tuple[bytes, str]:
    repository, _, tag = reference.removeprefix(f"{registry.address}/").rpartition(":")
    url = f"http://{registry.address}/v2/{repository}/manifests/{tag}"
    with urlopen(Request(url, headers={"Accept": MANIFEST}), timeout=10) as answer:
        return answer.read(), answer.headers["Docker-Content-Digest"]


@contextmanager
def open_registry(program: str, login: Login | None = None) -> Iterator[Registry]:
    """Lend an empty registry; with a login, it refuses everyone else."""
    slot = claim_slot()
    address = f"{slot.subnet}.254:{PORT}"
    try:
        _start(program, slot, address, login)
        yield Registry(address=address, login=login)
    finally:
        release_slot(slot)


def _start(program: str, slot: Slot, address: str, login: Login | None) -> None:
    # An address on `lo`: other machines cannot reach it; the namespaces can: they route through this machine.
    run("ip", "address", "add", f"{slot.subnet}.254/32", "dev", "lo")
    config = slot.directory / "registry.yaml"
    text = CONFIG + (GUARD if login else "")
    config.write_text(text.format(directory=slot.directory, address=address))
    if login:
        (slot.directory / "htpasswd").write_text(f"{login.username}:{login.bcrypt}\n")
    process = start_logged([program, "serve", str(config)], slot.directory / "registry.log")

    def answers() -> bool:
        if process.poll() is not None:
            raise LabError(f"the registry ended: {(slot.directory / 'registry.log').read_text()[-2000:]}")
        try:
            with urlopen(f"http://{address}/v2/", timeout=2) as answer:
                return bool(answer.status == 200)
        except HTTPError as error:
            return bool(login and error.code == HTTPStatus.UNAUTHORIZED)
        except (URLError, OSError):
            return False

    wait_for(f"the registry at {address}", answers)
