"""A small world for a test: a repository that stands for Git, real hosts, and the product's console between them."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from docker.errors import NotFound
from integration.console import Console, Reply
from integration.fatality import Fatality
from lab.host import LabHost
from repositories import AUTHOR, NOBODY, Repository

INSTANCE = "gitops-orch.instance"
SERVICE, APP = "gitops-orch.service", "gitops-orch.app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A container as its Engine tells of it."""

    host: str
    id: str
    name: str
    image: str
    image_id: str
    state: str
    started_at: str
    restart_count: int
    environment: tuple[str, ...]
    networks: tuple[str, ...]
    labels: Mapping[str, str]
    memory_bytes: int
    restart_policy: str

    @property
    def service(self) -> str:
        """Return app and service, as `shop/api`; "" where it is no container of ours, or one that only carries files."""
        return f"{self.labels[APP]}/{self.labels[SERVICE]}" if SERVICE in self.labels else ""

    @property
    def aside(self) -> bool:
        """Return whether it is of a former generation, and kept for going back to it."""
        return self.name.endswith("-kept") and self.state == "exited"


class World:
    """A repository, hosts, and a state directory of the product."""

    def __init__(self, directory: Path, hosts: Sequence[LabHost], console: Console) -> None:
        self.directory = directory
        self.hosts = {host.name: host for host in hosts}
        self.console = console
        self.state = directory / "state"
        self.repository = Repository(directory / "forge.git")
        self.settings: dict[str, str] = {}
        self.files: dict[str, str | bytes] = {
            f"hosts/{host.name}.yaml": host_document(host.name, host.unix) for host in hosts
        }

    @property
    def host(self) -> LabHost:
        """Return the first host."""
        return next(iter(self.hosts.values()))

    # -- Git

    def commit(self, changes: Mapping[str, str | bytes | None], message: str = "a change") -> str:
        """Commit changed files on top of the branch; None removes one."""
        for path, content in changes.items():
            if content is None:
                self.files.pop(path)
            else:
                self.files[path] = content
        return self.repository.commit(self.files, message=message)

    def revert_head(self) -> str:
        """Do as a person does: clone, `git revert`, push."""
        clone = self.directory / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        self.git("clone", "-q", self.repository.url, str(clone))
        self.git("-C", str(clone), "revert", "--no-edit", "HEAD")
        self.git("-C", str(clone), "push", "-q", "origin", "HEAD:main")
        return self.repository.head()

    def git(self, *arguments: str) -> str:
        """Run git outside of the repository."""
        environment = {**os.environ, **NOBODY, **AUTHOR}
        done = subprocess.run(
            ["git", *arguments], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    # -- the product

    def run(
        self, verb: str, *arguments: str, fatality: Fatality | None = None, deadline_s: float = 120.0
    ) -> Reply:
        """Run a command on this repository with this state."""
        return self.console.run(
            *self.command_line(verb, *arguments),
            environment=self.settings,
            fatality=fatality,
            deadline_s=deadline_s,
        )

    def command_line(self, verb: str, *arguments: str) -> tuple[str, ...]:
        """Return the words of a command on this repository with this state."""
        return (verb, *arguments, "--repo", self.repository.url, "--state-dir", str(self.state), "-o", "json")

    def sync(self) -> Reply:
        """Sync, whatever comes of it."""
        return self.run("sync")

    def deploy(self) -> Reply:
        """Sync, and insist that all is well."""
        reply = self.sync()
        assert reply.exit_code == 0, reply.text
        return reply

    def converge(self) -> Reply:
        """Sync, and insist that all is well and nothing is left to do."""
        reply = self.deploy()
        self.expect_nothing_to_do()
        return reply

    def expect_nothing_to_do(self) -> None:
        """Insist that a plan is empty."""
        plan = self.run("plan")
        assert (plan.exit_code, plan.actions) == (0, []), plan.text

    # -- what is there

    def containers(self, host: str | None = None) -> list[Seen]:
        """Return all containers of one host or of all, ours and others, by name."""
        names = [host] if host else list(self.hosts)
        return sorted((seen for name in names for seen in look(self.hosts[name])), key=lambda seen: seen.name)

    def ours(self, service: str | None = None) -> list[Seen]:
        """Return our containers, or those of one service (`shop/api`), but for former generations."""
        return [
            seen
            for seen in self.containers()
            if seen.service and not seen.aside and (service is None or seen.service == service)
        ]

    def one(self, service: str) -> Seen:
        """Return the only container of a service."""
        found = self.ours(service)
        assert len(found) == 1, found
        return found[0]

    def ids(self) -> dict[str, str]:
        """Return the ids of all containers by name, but for former generations."""
        return {seen.name: seen.id for seen in self.containers() if not seen.aside}

    def networks(self) -> set[str]:
        """Return the names of all networks but the Engine's own, as `host/name`."""
        own = {"bridge", "host", "none"}
        found = set()
        for host in self.hosts.values():
            with host.client() as client:
                found |= {f"{host.name}/{row['Name']}" for row in client.networks() if row["Name"] not in own}
        return found

    def happened(self, since: float) -> list[tuple[str, str, str]]:
        """Return (host, what, container) for all that happened to containers since a moment, in its order."""
        rows = []
        until = time.time()
        for host in self.hosts.values():
            with host.client() as client:
                for event in client.events(
                    since=since, until=until, filters={"type": "container"}, decode=True
                ):
                    name = event["Actor"]["Attributes"].get("name", "")
                    rows.append((event["timeNano"], host.name, event["Action"], name))
        return [(host, action, name) for _, host, action, name in sorted(rows)]


def host_document(name: str, url: str, **spec: object) -> str:
    """Return a Host document."""
    document = {
        "apiVersion": "gitops-orch/v1",
        "kind": "Host",
        "metadata": {"name": name},
        "spec": {"url": url, **spec},
    }
    return json.dumps(document, indent=2)


def service(image: str = "stub:1", *, deploy: Mapping[str, object] | None = None, **more: object) -> dict:
    """Return a service that is proved as soon as it is seen well, and stops at once."""
    patience = {"update_config": {"monitor": "1ms"}}
    return {"image": image, "stop_grace_period": "1s", "deploy": {**patience, **(deploy or {})}, **more}


def compose(services: Mapping[str, object], **more: object) -> str:
    """Return a Compose file; JSON is YAML."""
    return json.dumps({"services": services, **more}, indent=2)


def on(host: str, **more: object) -> dict:
    """Return an `x-gitops` that pins an app to a host."""
    return {"placement": {"hosts": [host]}, **more}


def look(host: LabHost) -> list[Seen]:
    """Return what a host has."""
    found = []
    with host.client() as client:
        for row in client.containers(all=True):
            with suppress(NotFound):  # it went between the listing and now
                found.append(_seen(host.name, client.inspect_container(row["Id"])))
    return found


def _seen(host: str, row: Mapping) -> Seen:
    return Seen(
        host=host,
        id=row["Id"],
        name=row["Name"].lstrip("/"),
        image=row["Config"]["Image"],
        image_id=row["Image"],
        state=row["State"]["Status"],
        started_at=row["State"]["StartedAt"],
        restart_count=row["RestartCount"],
        environment=tuple(row["Config"]["Env"] or ()),
        networks=tuple(sorted(row["NetworkSettings"]["Networks"])),
        labels=row["Config"]["Labels"] or {},
        memory_bytes=row["HostConfig"]["Memory"],
        restart_policy=row["HostConfig"]["RestartPolicy"]["Name"] or "no",
    )


def by_hand(
    host: LabHost, name: str, *, image: str = "stub:1", labels: Mapping[str, str] | None = None
) -> str:
    """Run a container past the product, and return its id."""
    with host.client() as client:
        made = client.create_container(image, name=name, labels=dict(labels or {}))
        client.start(made["Id"])
        return str(made["Id"])
