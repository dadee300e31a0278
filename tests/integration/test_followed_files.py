"""Files in Git that are mounted without `:ro`, on a real Engine, from a commit to what the container reads."""

import json
import shutil
from pathlib import Path

import pytest
from integration.fatality import Fatality
from integration.world import World, compose, host_document, service

WEB = "apps/web/compose.yaml"
CADDY, SNIPPET, DEEP = "apps/web/Caddyfile", "apps/web/conf.d/a.conf", "apps/web/conf.d/sub/b.conf"


class Web:
    """An app with a single file and a directory, and its data on the host."""

    def __init__(self, world: World, directory: Path, url: str) -> None:
        self.world = world
        self.root = directory / "data"
        self.data = self.root / "default/web"
        document = host_document(world.host.name, url, data_root=str(self.root), insecure=True)
        world.commit({f"hosts/{world.host.name}.yaml": document} | self.app() | self.files("one"))

    def app(self, image: str = "stub:1", policy: str = "", **more: object) -> dict[str, str]:
        volumes = ["./Caddyfile:/etc/caddy/Caddyfile", "./conf.d:/etc/conf.d"]
        own = {"x-gitops": {"files": policy}} if policy else {}
        gate = {"update_config": {"monitor": "2s"}} if image == "stub:crash" else None
        front = service(image, volumes=volumes, **({"deploy": gate} if gate else {}), **more)
        return {WEB: compose({"front": front}, **own)}

    @staticmethod
    def files(text: str) -> dict[str, str]:
        return {CADDY: text, SNIPPET: text, DEEP: text}

    def read(self, path: str) -> str:
        """Return what the container reads."""
        with self.world.host.client() as client:
            (running,) = [seen for seen in self.world.ours("web/front") if seen.state == "running"]
            made = client.exec_create(running.id, ["cat", path])
            return client.exec_start(made["Id"]).decode()

    def all(self) -> list[str]:
        return [
            self.read(path)
            for path in ("/etc/caddy/Caddyfile", "/etc/conf.d/a.conf", "/etc/conf.d/sub/b.conf")
        ]


@pytest.fixture
def web(world: World, tmp_path: Path) -> Web:
    """Deployed; over the network nothing could be read from the controller's own disk."""
    made = Web(world, tmp_path, world.host.tcp)
    world.converge()
    return made


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_a_commit_reaches_the_container(world: World, tmp_path: Path, transport: str):
    web = Web(world, tmp_path, getattr(world.host, transport))
    world.converge()
    assert web.all() == ["one"] * 3
    before = web.world.one("web/front").id
    web.world.commit(web.files("two"))
    web.world.converge()
    assert web.all() == ["two"] * 3
    assert web.world.one("web/front").id != before


def test_what_the_app_rewrote_is_kept_and_named_and_given_up_when_git_says_so(web: Web):
    with web.world.host.client() as client:
        made = client.exec_create(
            web.world.one("web/front").id,
            ["sh", "-c", "echo -n mine > /etc/conf.d/a.conf; echo -n new > /etc/conf.d/own"],
        )
        client.exec_start(made["Id"])
    web.world.commit(web.files("two"))
    reply = web.world.converge()
    assert web.all() == ["two", "mine", "two"]
    assert [hold["subject"] for hold in reply.document["holds"]] == [
        "conf.d/a.conf on " + web.world.host.name
    ]
    differences = {**web.world.run("diff").document, "holds": []}
    assert "conf.d/a.conf" not in json.dumps(differences)

    web.world.commit(web.app(policy="host") | web.files("three"))
    web.world.converge()
    assert web.all() == ["two", "mine", "two"]

    web.world.commit(web.app(policy="git"))
    web.world.converge()
    assert web.all() == ["three"] * 3
    assert (web.data / "conf.d/own").read_text() == "new"


def test_a_file_that_leaves_git_goes_and_what_was_never_in_it_stays(web: Web):
    (web.data / "conf.d/sub/mine").write_text("mine")
    web.world.commit({DEEP: None})
    web.world.converge()
    assert sorted(path.name for path in (web.data / "conf.d").rglob("*")) == ["a.conf", "mine", "sub"]


def test_a_release_that_fails_takes_its_files_back(web: Web):
    web.world.commit(web.app("stub:crash") | web.files("bad") | {"apps/web/conf.d/more": "bad"})
    assert web.world.sync().exit_code == 4
    assert web.all() == ["one"] * 3
    assert not (web.data / "conf.d/more").exists()


def test_the_loss_of_all_state_loses_nothing(web: Web):
    (web.data / "conf.d/a.conf").write_text("mine")
    shutil.rmtree(web.world.state)
    web.world.commit(web.files("two"))
    web.world.deploy()
    assert web.all() == ["two", "mine", "two"]


def test_the_loss_of_the_record_too_loses_nothing_that_a_release_still_names(web: Web):
    (web.data / "conf.d/a.conf").write_text("mine")
    shutil.rmtree(web.root / ".gitops-orch")
    web.world.commit(web.files("two"))
    web.world.deploy()
    assert web.all() == ["two", "mine", "two"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_death_at_a_write_is_finished_by_the_next_sync(web: Web, moment: str):
    web.world.commit(web.files("two"))
    reply = web.world.run("sync", fatality=Fatality(kind="put_files", moment=moment))
    assert reply.exit_code < 0
    web.world.converge()
    assert web.all() == ["two"] * 3


def test_a_reload_changes_a_directory_in_place(world: World, tmp_path: Path):
    reloading = {"x-gitops": {"reload": "SIGHUP"}}
    noting = ["sh", "-c", "trap 'echo told >> /tmp/told' HUP; while true; do sleep 0.1; done"]
    web = Web(world, tmp_path, world.host.unix)
    front = service(volumes=["./conf.d:/etc/conf.d"], command=noting, **reloading)
    world.commit({WEB: compose({"front": front})})
    world.converge()
    before = world.one("web/front").id
    world.commit(web.files("two"))
    world.converge()
    assert web.read("/etc/conf.d/a.conf") == "two"
    assert world.one("web/front").id == before
    assert web.read("/tmp/told") == "told\n"


def test_a_secret_that_only_its_owner_reads_belongs_to_the_user_of_the_service(world: World):
    front = service(user="1000", secrets=[{"source": "pw", "mode": 0o440}])
    world.commit({WEB: compose({"front": front}, secrets={"pw": {"file": "./pw"}}), "apps/web/pw": "word"})
    world.converge()
    with world.host.client() as client:
        made = client.exec_create(world.one("web/front").id, ["cat", "/run/secrets/pw"])
        assert client.exec_start(made["Id"]) == b"word"


class Checkout:
    """A person's clone of the repository."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.conf = directory / "checkout/apps/web/conf"
        self.path = directory / "checkout"
        world.git("clone", "-q", world.repository.url, str(self.path))
        self.conf.mkdir(parents=True)

    def push(self) -> None:
        for arguments in (("add", "-A"), ("commit", "-qm", "files"), ("push", "-q", "origin", "HEAD:main")):
            self.world.git("-C", str(self.path), *arguments)


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return the files below a directory: whether they can be executed, and what is in them."""
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        str(path.relative_to(directory)): (path.stat().st_mode & 0o111, path.read_bytes()) for path in found
    }


def write_odd_files(conf: Path, text: bytes) -> None:
    (conf.parent / "shared.conf").write_bytes(text)
    link = conf / "linked.conf"
    link.unlink(missing_ok=True)
    link.symlink_to("../shared.conf")
    (conf / "run.sh").write_bytes(b"#!/bin/sh\necho " + text)
    (conf / "run.sh").chmod(0o755)
    (conf / "empty").touch()
    (conf / "large").write_bytes(text * (2_000_000 // len(text)))
    (conf / "sütün 設.conf").write_bytes(text)


def as_mounted(conf: Path) -> dict[str, tuple[int, bytes]]:
    """Return what a host is to have: Git knows of the owner's bit alone, and a link is what it leads to."""
    return {name: (0o111 if mode else 0, content) for name, (mode, content) in tree(conf).items()}


def test_files_of_every_kind_are_followed(world: World, tmp_path: Path):
    front = service(volumes=["./conf:/etc/x"])
    document = host_document(world.host.name, world.host.unix, data_root=str(tmp_path / "data"))
    world.commit({WEB: compose({"front": front}), f"hosts/{world.host.name}.yaml": document})
    person, there = Checkout(world, tmp_path), tmp_path / "data/default/web/conf"

    def reaches_the_host() -> None:
        person.push()
        reply = world.converge()
        assert not reply.document.get("holds")
        assert tree(there) == as_mounted(person.conf)

    for text in (b"one\n", b"two\n"):
        write_odd_files(person.conf, text)
        reaches_the_host()
    (person.conf / "run.sh").chmod(0o644)
    (person.conf / "empty").write_text("not any more")
    (person.conf / "large").write_text("")
    reaches_the_host()
    nested = person.conf / "nested/deep"
    for _ in (1, 2):
        nested.parent.mkdir()
        nested.write_text("in a directory")
        reaches_the_host()
        shutil.rmtree(nested.parent)
        nested.parent.write_text("a file")
        reaches_the_host()
        nested.parent.unlink()
    reaches_the_host()


@pytest.mark.parametrize("reload", [False, True])
def test_what_we_wrote_goes_when_the_last_file_of_a_directory_leaves_git(web: Web, reload: bool):  # noqa: FBT001 - a case
    told = {"x-gitops": {"reload": "SIGHUP"}, "command": ["sleep", "1d"]} if reload else {}
    front = service(volumes=["./conf.d:/etc/conf.d"], **told)
    web.world.commit({WEB: compose({"front": front})})
    web.world.converge()
    (web.data / "conf.d/sub/b.conf").write_text("mine")
    (web.data / "conf.d/new").write_text("mine")
    before = web.world.one("web/front").id
    web.world.commit({SNIPPET: None, DEEP: None})
    web.world.converge()
    assert set(tree(web.data / "conf.d")) == {"sub/b.conf", "new"}
    assert web.world.one("web/front").id != before

    web.world.commit({SNIPPET: "back"})
    web.world.converge()
    assert web.read("/etc/conf.d/a.conf") == "back"
