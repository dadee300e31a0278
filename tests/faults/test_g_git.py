"""Faults on the Git side: whatever happens to the repository or on the way to it, nothing is read as empty."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from git_servers import http_forge, make_certificate, silent_server, ssh_forge
from lab.commands import wait_for
from lab.provided import need_root, provided, small_disk
from repositories import Repository
from source_fixtures import forge, open_source, revert, source

from gitops_orch.errors import GitopsOrchError, SettingsError, SourceError, SourceHeld, SourceUnavailable
from gitops_orch.source.listing import ENTRIES_MAX

pytestmark = pytest.mark.waits

__all__ = ["forge", "open_source", "source"]


def mirror_of(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mirror"


def mirror_git(tmp_path: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", f"--git-dir={mirror_of(tmp_path)}", *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


# G1, G2, G3: a branch that does not go on from where it was


def test_g01_a_rewritten_branch_is_held(forge, source):
    first = forge.commit({"a": "1"})
    second = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    rewritten = forge.commit({"a": "3"}, parents=(first,))
    with pytest.raises(SourceHeld, match="was rewritten") as held:
        source.fetch(last_commit=second)
    assert held.value.commit == rewritten
    assert f"accept {rewritten[:12]}" in str(held.value)


def test_g01_a_held_branch_stays_held(forge, source):
    first = forge.commit({"a": "1"})
    second = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    forge.commit({"a": "3"}, parents=(first,))
    for _ in range(3):
        with pytest.raises(SourceHeld):
            source.fetch(last_commit=second)


def test_g01_an_accepted_commit_passes_and_only_that_one(forge, source):
    forge.commit({"a": "1"})
    second = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    rewritten = forge.commit({"a": "3"}, parents=())
    assert source.fetch(last_commit=second, accepted=frozenset({rewritten})) == rewritten
    other = forge.commit({"a": "4"}, parents=())
    with pytest.raises(SourceHeld):
        source.fetch(last_commit=second, accepted=frozenset({rewritten}))
    assert source.fetch(last_commit=second, accepted=frozenset({other})) == other


def test_g01_the_settings_can_allow_it(forge, open_source):
    second = forge.commit({"a": "2"})
    source = open_source(allow_force_push=True)
    source.fetch(last_commit=None)
    rewritten = forge.commit({"a": "3"}, parents=())
    assert source.fetch(last_commit=second) == rewritten


def test_g01_it_is_noticed_with_an_empty_mirror_too(forge, source):
    last = forge.commit({"a": "2"})
    forge.commit({"a": "3"}, parents=())
    with pytest.raises(SourceHeld):
        source.fetch(last_commit=last)


def test_g01_a_merge_goes_on_from_both_sides(forge, source):
    base = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    side = forge.commit({"a": "2"}, branch="side", parents=(base,))
    merged = forge.commit({"a": "3"}, parents=(base, side))
    assert source.fetch(last_commit=side) == merged


def test_g02_a_branch_set_back_to_an_older_commit_is_held_and_told_apart(forge, source):
    first = forge.commit({"a": "1"})
    second = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    forge.git("update-ref", "refs/heads/main", first)
    with pytest.raises(SourceHeld, match=r"was set back from .* to its ancestor") as held:
        source.fetch(last_commit=second)
    assert held.value.commit == first


def test_g03_a_kept_commit_outlives_a_rewrite_and_garbage_collection(forge, source, tmp_path):
    good = forge.commit({"app": "good"})
    source.fetch(last_commit=None)
    source.keep(good)
    head = forge.commit({"app": "new"}, parents=())
    forge.git("gc", "-q", "--prune=now")
    with pytest.raises(SourceHeld):
        source.fetch(last_commit=good)
    mirror_git(tmp_path, "gc", "-q", "--prune=now")
    assert source.tree(good).read("app") == b"good"
    source.keep(head)
    source.release_kept({head})
    mirror_git(tmp_path, "gc", "-q", "--prune=now")
    assert not source.has(good)
    assert source.has(head)


# G4, G5, G7, G8, G23: the branch or the repository is not what it was


def test_g04_a_deleted_branch_is_an_error_and_the_last_commit_stays_readable(forge, source):
    made = forge.commit({"a": "1"})
    forge.commit({"b": "1"}, branch="other")
    source.fetch(last_commit=None)
    forge.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(SourceUnavailable, match="there is no branch main; there are: other"):
        source.fetch(last_commit=made)
    assert source.tree(made).read("a") == b"1"
    forge.git("update-ref", "refs/heads/main", made)
    assert source.fetch(last_commit=made) == made


def test_g05_a_renamed_branch_is_an_error_that_names_the_candidates(forge, source):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    forge.git("branch", "-m", "main", "master")
    with pytest.raises(SourceUnavailable, match="no branch main; there are: master"):
        source.fetch(last_commit=made)


def test_g07_a_moved_tag_is_held_even_where_it_moves_forward(forge, open_source):
    first = forge.commit({"a": "1"})
    forge.git("tag", "v1", first)
    source = open_source(branch="v1")
    assert source.fetch(last_commit=None) == first
    second = forge.commit({"a": "2"})
    forge.git("tag", "-f", "v1", second)
    with pytest.raises(SourceHeld, match="the tag v1 was moved"):
        source.fetch(last_commit=first)
    assert source.fetch(last_commit=first, accepted=frozenset({second})) == second


def test_g08_a_repository_that_is_gone_is_an_error(forge, source):
    made = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    forge.path.rename(forge.path.with_suffix(".away"))
    with pytest.raises(SourceUnavailable, match="is not there"):
        source.fetch(last_commit=made)
    forge.path.with_suffix(".away").rename(forge.path)
    assert source.fetch(last_commit=made) == made


@pytest.mark.parametrize(
    ("status", "meaning"), [(404, "is not there"), (403, "login was refused"), (500, "git failed")]
)
def test_g08_not_found_and_not_allowed_are_told_apart(forge, open_source, status, meaning):
    forge.commit({"a": "1"})
    with http_forge(forge.path.parent) as server:
        server.status = status
        with pytest.raises(SourceUnavailable, match=meaning):
            open_source(url=f"{server.url}/fleet.git").fetch(last_commit=None)


def test_g23_an_empty_repository_is_an_error(forge, source):
    with pytest.raises(SourceUnavailable, match="the repository is empty"):
        source.fetch(last_commit=None)
    made = forge.commit({"a": "1"})
    assert source.fetch(last_commit=None) == made


# G9, G10, G11, G40: logins, keys, certificates


def test_g09_a_token_opens_the_repository_and_a_revoked_one_is_told(forge, open_source, tmp_path):
    made = forge.commit({"a": "1"})
    token_file = tmp_path / "token"
    token_file.write_text("s3cret-token\n")
    with http_forge(forge.path.parent) as server:
        server.token = "s3cret-token"
        source = open_source(url=f"{server.url}/fleet.git", token_file=token_file)
        assert source.fetch(last_commit=None) == made
        server.token = "rotated"
        with pytest.raises(SourceUnavailable, match="the login was refused") as refused:
            source.fetch(last_commit=made)
        assert "s3cret" not in str(refused.value)
        token_file.write_text("rotated")
        assert source.fetch(last_commit=made) == made


def test_g09_no_login_fails_at_once_instead_of_asking(forge, open_source, monkeypatch):
    forge.commit({"a": "1"})
    monkeypatch.setenv("GIT_ASKPASS", "/bin/sleep")
    with http_forge(forge.path.parent) as server:
        server.token = "x"
        with pytest.raises(SourceUnavailable, match="the login was refused"):
            open_source(url=f"{server.url}/fleet.git").fetch(last_commit=None)


def test_g09_the_token_is_in_no_argument_and_in_no_file(forge, open_source, tmp_path, monkeypatch):
    forge.commit({"a": "1"})
    seen: list[str] = []
    popen = subprocess.Popen.__init__

    def watch(self, args, *rest, **options):
        seen.append(repr(args))
        popen(self, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", watch)
    with http_forge(forge.path.parent) as server:
        server.token = "s3cret"
        url = server.url.replace("://", "://robot:s3cret@")
        source = open_source(url=f"{url}/fleet.git")
        source.fetch(last_commit=None)
    assert any("ls-remote" in line for line in seen)
    assert not [line for line in seen if "s3cret" in line or "czNjcmV0" in line]
    assert "s3cret" not in source.url
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert not [path for path in files if b"s3cret" in path.read_bytes()]


def test_g09_a_token_never_travels_in_clear_to_another_machine(open_source, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("x")
    with pytest.raises(SettingsError, match="unencrypted"):
        open_source(url="http://forge.example.org/fleet.git", token_file=token_file).fetch(last_commit=None)


def test_g09_a_token_file_that_is_missing_is_named(forge, open_source, tmp_path):
    source = open_source(url="https://127.0.0.1:1/fleet.git", token_file=tmp_path / "absent")
    with pytest.raises(SettingsError, match="absent"):
        source.fetch(last_commit=None)


def test_g10_a_known_host_is_talked_to_and_a_changed_key_is_refused(forge, open_source, tmp_path):
    first = forge.commit({"a": "1"})
    with ssh_forge(forge.path, tmp_path) as server:
        login = {"url": server.url, "ssh_key": server.key, "known_hosts": server.known_hosts}
        source = open_source(**login)
        assert source.fetch(last_commit=None) == first
        second = forge.commit({"a": "2"})
        assert source.fetch(last_commit=first) == second
        made = revert(source, paths=("a",), to_commit=first, head=second, message="back")
        assert forge.head() == made
        place = server.known_hosts.read_text().split()[0]
        server.known_hosts.write_text(f"{place} {(server.key.with_suffix('.pub')).read_text()}")
        with pytest.raises(SourceUnavailable, match="host key of the server is not one that is trusted"):
            source.fetch(last_commit=made)


def test_g10_an_unknown_host_is_never_taken_on_trust(forge, open_source, tmp_path):
    forge.commit({"a": "1"})
    with ssh_forge(forge.path, tmp_path) as server:
        server.known_hosts.write_text("")
        source = open_source(url=server.url, ssh_key=server.key, known_hosts=server.known_hosts)
        with pytest.raises(SourceUnavailable, match="host key"):
            source.fetch(last_commit=None)
        assert server.known_hosts.read_text() == ""


def test_g10_a_wrong_key_of_ours_is_a_refused_login(forge, open_source, tmp_path):
    forge.commit({"a": "1"})
    with ssh_forge(forge.path, tmp_path) as server:
        source = open_source(url=server.url, ssh_key=tmp_path / "host", known_hosts=server.known_hosts)
        with pytest.raises(SourceUnavailable, match="the login was refused"):
            source.fetch(last_commit=None)


def test_g11_a_certificate_that_nobody_signed_is_refused_and_a_named_authority_is_trusted(
    forge, open_source, tmp_path, monkeypatch
):
    made = forge.commit({"a": "1"})
    certificate = make_certificate(tmp_path)
    with http_forge(forge.path.parent, certificate=certificate) as server:
        source = open_source(url=f"{server.url}/fleet.git")
        monkeypatch.setenv(
            "GIT_SSL_NO_VERIFY", "1"
        )  # the environment of whoever starts us must not weaken it
        with pytest.raises(SourceUnavailable, match="TLS certificate is not valid"):
            source.fetch(last_commit=None)
        monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
        assert source.fetch(last_commit=None) == made


def test_g11_a_certificate_of_another_host_is_refused(forge, open_source, tmp_path, monkeypatch):
    forge.commit({"a": "1"})
    certificate = make_certificate(tmp_path, address="127.0.0.2")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
    with (
        http_forge(forge.path.parent, certificate=certificate) as server,
        pytest.raises(SourceUnavailable, match="TLS certificate is not valid"),
    ):
        open_source(url=f"{server.url}/fleet.git").fetch(last_commit=None)


def test_g40_a_redirect_to_another_host_never_gets_the_token(forge, open_source, tmp_path):
    forge.commit({"a": "1"})
    token_file = tmp_path / "token"
    token_file.write_text("s3cret")
    with http_forge(forge.path.parent) as honest, http_forge(forge.path.parent) as other:
        honest.status = 302
        honest.headers = {"Location": f"{other.url}/fleet.git/info/refs?service=git-upload-pack"}
        source = open_source(url=f"{honest.url}/fleet.git", token_file=token_file)
        with pytest.raises(SourceUnavailable, match="sends us to another address"):
            source.fetch(last_commit=None)
        assert honest.seen
        assert not other.seen


# G12, G13, G14, G16: hanging, cut and killed


def _hang(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    connection.settimeout(0.2)
    while True:
        connection.sendall(b"x")
        with contextlib.suppress(TimeoutError):
            connection.recv(4096)


@pytest.mark.parametrize("behaviour", [_hang, _trickle])
def test_g12_a_server_that_hangs_or_trickles_is_given_up_by_the_deadline(open_source, behaviour):
    with silent_server(behaviour) as port:
        source = open_source(url=f"http://127.0.0.1:{port}/fleet.git", deadline_s=1.0)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="stopped after 1 s"):
            source.fetch(last_commit=None)
        assert time.monotonic() - began < 30  # it would hang for ever
        wait_for("its processes to end", lambda: f"127.0.0.1:{port}" not in _command_lines())


def _command_lines() -> str:
    lines = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(place.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


def test_g13_a_fetch_that_is_cut_in_the_middle_is_made_up_by_the_next(forge, open_source, tmp_path):
    first = forge.commit({"a": "1"})
    with http_forge(forge.path.parent) as server:
        source = open_source(url=f"{server.url}/fleet.git")
        source.fetch(last_commit=None)
        second = forge.commit({"a": "2", "big": os.urandom(300_000)})
        server.cut_after_bytes = 100_000
        with pytest.raises(SourceUnavailable):
            source.fetch(last_commit=first)
        assert source.tree(first).read("a") == b"1"
        server.cut_after_bytes = -1
        assert source.fetch(last_commit=first) == second
        assert len(source.tree(second).read("big")) == 300_000
    assert not list(mirror_of(tmp_path).rglob("tmp_*"))


def test_g13_what_a_killed_fetch_left_is_removed(forge, source, tmp_path):
    first = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    pack = mirror_of(tmp_path) / "objects" / "pack"
    left = [
        pack / "tmp_pack_abc",
        pack / "tmp_idx_abc",
        pack / "pack-1.keep",
        mirror_of(tmp_path) / "objects/tmp_obj_x",
    ]
    for path in left:
        path.write_bytes(b"half")
    assert source.fetch(last_commit=first) == first
    assert not [path for path in left if path.exists()]


@pytest.mark.parametrize(
    "name",
    [
        "shallow.lock",
        "HEAD.lock",
        "index.lock",
        "packed-refs.lock",
        "config.lock",
        "objects/info/commit-graph.lock",
    ],
)
def test_g14_g16_a_stale_lock_heals_itself(forge, source, tmp_path, name):
    first = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    lock = mirror_of(tmp_path) / name
    lock.parent.mkdir(exist_ok=True)
    lock.touch()
    second = forge.commit({"a": "2"})
    assert source.fetch(last_commit=first) == second
    source.keep(second)
    source.release_kept(set())
    assert not lock.exists()


def test_g16_a_stale_lock_on_a_ref_heals_itself(forge, source, tmp_path):
    first = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    for ref in list((mirror_of(tmp_path) / "refs" / "gitops-orch").rglob("*")):
        if ref.is_file():
            ref.with_name(ref.name + ".lock").touch()
    second = forge.commit({"a": "2"})
    assert source.fetch(last_commit=first) == second


def test_g16_a_mirror_in_use_by_another_process_is_waited_for_not_broken_into(forge, open_source, tmp_path):
    import fcntl

    made = forge.commit({"a": "1"})
    source = open_source(deadline_s=2.0)
    source.fetch(last_commit=None)
    with mirror_of(tmp_path).with_name("mirror.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SourceUnavailable, match="in use by another process"):
            source.fetch(last_commit=made)
    assert source.fetch(last_commit=made) == made


# G17, G19, G20: the mirror and its disk


def _flip(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    for position in range(len(content) // 3, len(content) // 3 + 40):
        content[position] ^= 0xFF
    path.write_bytes(content)


def _packs(tmp_path: Path) -> list[Path]:
    return sorted((mirror_of(tmp_path) / "objects/pack").glob("*.pack"))


def test_g17_a_corrupted_mirror_is_rebuilt_once_and_what_was_kept_is_carried_over(
    forge, open_source, tmp_path
):
    kept = forge.commit({"a": "kept" * 100})
    source = open_source()
    source.fetch(last_commit=None)
    source.keep(kept)
    good = set(_packs(tmp_path))
    head = forge.commit({"a": os.urandom(5000)}, parents=())
    forge.git("gc", "-q", "--prune=now")  # the remote has forgotten what we keep
    assert source.fetch(last_commit=None) == head
    (bad,) = set(_packs(tmp_path)) - good
    _flip(bad)
    later = open_source()
    assert later.fetch(last_commit=head) == head
    assert len(later.tree(head).read("a")) == 5000
    assert later.tree(kept).read("a") == b"kept" * 100
    assert not list(mirror_of(tmp_path).parent.glob("mirror.new*"))
    assert not list(mirror_of(tmp_path).parent.glob("mirror.broken*"))


def test_g17_a_mirror_that_breaks_again_is_not_rebuilt_for_ever(forge, open_source, tmp_path):
    head = forge.commit({"a": os.urandom(5000)})
    source = open_source()
    source.fetch(last_commit=None)
    for path in _packs(tmp_path):
        _flip(path)
    assert len(source.tree(head).read("a")) == 5000
    for path in _packs(tmp_path):
        _flip(path)
    source.close()
    with pytest.raises(SourceError, match="mirror"):
        source.tree(head).read("a")


def test_g17_a_damaged_mirror_with_the_remote_down_is_an_error_until_the_remote_is_back(
    forge, open_source, tmp_path
):
    head = forge.commit({"a": os.urandom(5000)})
    open_source().fetch(last_commit=None)
    for path in _packs(tmp_path):
        _flip(path)
    forge.path.rename(forge.path.with_suffix(".away"))
    source = open_source()
    with pytest.raises(SourceError):
        source.tree(head).read("a")
    forge.path.with_suffix(".away").rename(forge.path)
    assert source.fetch(last_commit=head) == head
    assert len(source.tree(head).read("a")) == 5000


@pytest.mark.parametrize("spoil", ["objects", "HEAD", "config"])
def test_g17_a_mirror_that_lost_its_parts_is_rebuilt(forge, open_source, tmp_path, spoil):
    head = forge.commit({"a": "1"})
    open_source().fetch(last_commit=None)
    victim = mirror_of(tmp_path) / spoil
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.write_bytes(b"\xff\xfe nonsense")
    source = open_source()
    assert source.fetch(last_commit=head) == head
    assert source.tree(head).read("a") == b"1"


@pytest.mark.parametrize("what", ["file", "dangling link"])
def test_g17_a_mirror_that_something_else_has_replaced_is_made_again(forge, open_source, tmp_path, what):
    head = forge.commit({"a": "1"})
    open_source().fetch(last_commit=None)
    mirror = mirror_of(tmp_path)
    shutil.rmtree(mirror)
    if what == "file":
        mirror.write_text("x")
    else:
        mirror.symlink_to(tmp_path / "nowhere")
    source = open_source()
    assert source.fetch(last_commit=head) == head
    assert source.tree(head).read("a") == b"1"


def test_g17_a_kill_in_the_middle_of_the_swap_loses_nothing(forge, open_source, tmp_path):
    kept = forge.commit({"a": "kept"})
    source = open_source()
    source.fetch(last_commit=None)
    source.keep(kept)
    mirror_of(tmp_path).rename(mirror_of(tmp_path).with_name("mirror.broken"))
    head = forge.commit({"a": "2"}, parents=())
    later = open_source()
    assert later.fetch(last_commit=None) == head
    assert later.tree(kept).read("a") == b"kept"


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "small", "2m") as place:
        yield place


def test_g19_a_full_disk_touches_nothing_and_is_over_when_there_is_space(forge, open_source, disk):
    first = forge.commit({"a": "1"})
    source = open_source(state=disk)
    source.fetch(last_commit=None)
    second = forge.commit({"a": "2", "big": os.urandom(3_000_000)})
    with pytest.raises(SourceUnavailable, match="disk of the mirror is full"):
        source.fetch(last_commit=first)
    assert source.tree(first).read("a") == b"1"
    subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
    assert source.fetch(last_commit=first) == second
    assert not list(disk.rglob("tmp_*"))


def test_g19_a_read_only_disk_is_told(forge, open_source, disk):
    made = forge.commit({"a": "1"})
    source = open_source(state=disk)
    source.fetch(last_commit=None)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(SourceUnavailable, match="Read-only file system"):
        source.fetch(last_commit=made)
    assert source.tree(made).read("a") == b"1"


def test_g20_content_that_is_not_what_its_id_says_is_rejected(forge, source):
    first = forge.commit({"a": "honest"})
    source.fetch(last_commit=None)
    second = forge.commit({"a": "expected content"})
    blob = forge.blob("expected content")
    loose = forge.path / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(zlib.compress(b"blob 16\0replaced content"))
    with pytest.raises(SourceError):
        source.fetch(last_commit=first)
    assert not source.has(second)
    assert source.resolve("main") == first


def test_g20_a_tree_that_git_would_never_make_is_rejected(forge, source):
    first = forge.commit({"a": "1"})
    source.fetch(last_commit=None)
    inner = forge.entry_tree(("100644", "blob", forge.blob("[core]"), b"config"))
    forge.commit(forge.entry_tree(("040000", "tree", inner, b".git")))
    with pytest.raises(SourceUnavailable, match="fails Git's own checks"):
        source.fetch(last_commit=first)
    assert source.resolve("main") == first


# G21, G22: size


@contextlib.contextmanager
def traced_memory():
    """Lend a list that holds how many bytes a block had at most, once it has ended; other tests' marks do not count."""
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
    finally:
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()


def test_g21_a_huge_file_is_listed_with_its_size_and_never_read(forge, source):
    forge_file = forge.path.parent / "huge"
    with forge_file.open("wb") as stream:
        stream.truncate(200_000_000)
    blob = forge.git("hash-object", "-w", str(forge_file))
    made = forge.commit(
        forge.entry_tree(("100644", "blob", blob, b"huge"), ("100644", "blob", forge.blob("x"), b"a"))
    )
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert tree.files["huge"].size_bytes == 200_000_000
    with traced_memory() as peak, pytest.raises(SourceError, match="200000000 bytes, at most"):
        tree.read("huge")
    assert peak[0] < 10_000_000
    assert tree.read("a") == b"x"


def test_g22_too_many_files_are_an_error_that_says_what_to_do(forge, open_source):
    row = ("100644", "blob", forge.blob("x"), b"%06d")
    leaf = forge.entry_tree(*[(*row[:3], b"f%04d" % number) for number in range(1000)])
    count = ENTRIES_MAX // 1000 + 1
    many = forge.entry_tree(*[("040000", "tree", leaf, b"d%04d" % number) for number in range(count)])
    made = forge.commit(forge.entry_tree(("040000", "tree", many, b"many"), (*row[:3], b"a")))
    source = open_source()
    source.fetch(last_commit=None)
    with pytest.raises(SourceError, match=r"at most 200000 are read; set repository\.path"):
        source.tree(made)
    assert len(open_source(path="many/d0000").tree(made).files) == 1000


def test_g22_a_directory_of_ten_thousand_entries_is_read(forge, source):
    blob = forge.blob("x")
    made = forge.commit(
        forge.entry_tree(*[("100644", "blob", blob, b"f%05d" % number) for number in range(10_000)])
    )
    source.fetch(last_commit=None)
    assert len(source.tree(made).files) == 10_000


def test_g22_a_path_deeper_than_any_file_system_allows_is_refused_alone(forge, source):
    deep = forge.entry_tree(("100644", "blob", forge.blob("x"), b"f"))
    for _ in range(25):
        deep = forge.entry_tree(("040000", "tree", deep, b"d" * 200))
    made = forge.commit(
        forge.entry_tree(("040000", "tree", deep, b"deep"), ("100644", "blob", forge.blob("x"), b"a"))
    )
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert list(tree.files) == ["a"]
    assert "at most 4096" in next(iter(tree.refused.values()))


# G27, G28, G31, G32, G35: what a tree and a commit can hold


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "link", "directory", "", "plain/below"])
def test_g27_a_symbolic_link_that_leaves_the_tree_or_leads_nowhere_is_refused_and_not_followed(
    forge, source, target
):
    blob = forge.blob(target)
    made = forge.commit(
        forge.entry_tree(("120000", "blob", blob, b"link"), ("100644", "blob", blob, b"plain"))
    )
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert list(tree.files) == ["plain"]
    assert "symbolic link" in tree.refused["link"]
    with pytest.raises(SourceError):
        tree.read("link")


@pytest.mark.parametrize(
    "url", ["file:///etc", "ext::sh -c touch% /tmp/pwned", "-oProxyCommand=touch /tmp/pwned"]
)
def test_g28_a_submodule_is_refused_and_never_fetched(forge, source, url):
    modules = forge.blob(f'[submodule "evil"]\n\tpath = evil\n\turl = {url}\n')
    rows = (("100644", "blob", modules, b".gitmodules"), ("160000", "commit", "1" * 40, b"evil"))
    made = forge.commit(forge.entry_tree(*rows))
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert list(tree.files) == [".gitmodules"]
    assert "submodule" in tree.refused["evil"]


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch /tmp/pwned",
        "-oProxyCommand=x",
        "ext::sh -c id",
        "ssh://-oProxyCommand=x/path",
        "ssh://-l@host/path",
        "-x@host:path",
        "host:-path",
        "git://host/path",
        "ftp://host/path",
        "fd::3",
        "relative/path",
        "",
        "file://host/path",
        "https:///path",
        "https://host",
        "https://host/a\nb",
        "https://host/a b",
    ],
)
def test_g28_an_address_that_is_not_plainly_one_is_refused(open_source, url):
    with pytest.raises(SettingsError):
        open_source(url=url)


@pytest.mark.parametrize(
    "branch", ["", "-x", "a..b", "a b", "a:b", "a^", "a~1", "a*", "x.lock", "a//b", "a/", "@{u}", "a\n"]
)
def test_g28_a_branch_that_is_no_name_is_refused(open_source, branch):
    with pytest.raises(SettingsError):
        open_source(branch=branch)


def test_g31_odd_names_are_refused_one_by_one_and_shown_escaped(forge, source):
    blob = forge.blob("x")
    names = [
        b"new\nline",
        b"tab\there",
        b"\xff\xfe",
        b"\x1b[31mred",
        "right\u202eleft".encode(),
        b"quote\"s and 's",
        "ünï".encode(),
    ]
    made = forge.commit(forge.entry_tree(*[("100644", "blob", blob, name) for name in names]))
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert sorted(tree.files) == sorted(["quote\"s and 's", "ünï"])
    assert sorted(tree.refused) == sorted(
        ["new\\nline", "tab\\there", "\\xff\\xfe", "\\x1b[31mred", "right\\u202eleft"]
    )
    assert all(path.isprintable() for path in tree.refused)


def test_g32_attributes_and_filters_change_no_byte(forge, source):
    content = "a\r\nb\n$Id$\r\n".encode("utf-16")
    attributes = "* text eol=lf ident working-tree-encoding=UTF-16 filter=evil\n"
    made = forge.commit({".gitattributes": attributes, "f": content})
    source.fetch(last_commit=None)
    assert source.tree(made).read("f") == content


def test_g35_odd_times_and_authors_are_told_safely(forge, source):
    first = forge.commit({"a": "1"}, environ={"GIT_COMMITTER_DATE": "@99999999999 +0000"})
    environ = {"GIT_AUTHOR_NAME": "Eve\x1b[2J\u202e", "GIT_COMMITTER_DATE": "@0 +0000"}
    second = forge.commit({"a": "2"}, message="sub\x1b[31mject\n\nKey: va\x07lue", environ=environ)
    assert source.fetch(last_commit=None) == second
    assert source.fetch(last_commit=first) == second
    told = source.commit_info(second)
    assert told.at.year == 1970
    assert all(text.isprintable() for text in (told.author, told.subject, told.trailers[0][1]))
    assert source.commit_info(first).at.year == 5138


# G38, G39, G41: limits and pushes


def test_c15_a_server_whose_name_is_not_known_is_told_apart(open_source):
    with pytest.raises(SourceUnavailable, match=r"name is not known.*check DNS"):
        open_source(url="https://git.invalid/fleet.git").fetch(last_commit=None)


def test_g38_a_rate_limit_is_told_apart(forge, open_source):
    forge.commit({"a": "1"})
    with http_forge(forge.path.parent) as server:
        server.status, server.headers = 429, {"Retry-After": "60"}
        with pytest.raises(SourceUnavailable, match="limits the rate of requests"):
            open_source(url=f"{server.url}/fleet.git").fetch(last_commit=None)


def test_g39_a_push_that_a_hook_refuses_tells_the_hooks_words(forge, source):
    before = forge.commit({"a": "1"})
    after = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    hook = forge.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected: open a pull request' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(SourceError, match="main is protected: open a pull request") as refused:
        revert(source, paths=("a",), to_commit=before, head=after, message="back")
    assert not isinstance(refused.value, SourceUnavailable)
    assert "push to the branch" in refused.value.hint
    assert forge.head() == after


def test_g39_a_token_that_may_only_read_is_told(forge, open_source, tmp_path):
    before = forge.commit({"a": "1"})
    after = forge.commit({"a": "2"})
    forge.git("config", "http.receivepack", "false")
    token_file = tmp_path / "token"
    token_file.write_text("s3cret")
    with http_forge(forge.path.parent) as server:
        source = open_source(url=f"{server.url}/fleet.git", token_file=token_file)
        source.fetch(last_commit=None)
        with pytest.raises(SourceError, match="login was refused") as refused:
            revert(source, paths=("a",), to_commit=before, head=after, message="back")
        assert not isinstance(refused.value, SourceUnavailable)
        assert "s3cret" not in str(refused.value)
        forge.git("config", "http.receivepack", "true")
        made = revert(source, paths=("a",), to_commit=before, head=after, message="back")
        assert forge.head() == made


@pytest.mark.parametrize("bad", ["", "0", "HEAD", "main", "-", ":refs/heads/main", "g" * 40])
@pytest.mark.parametrize("which", ["to_commit", "head"])
def test_g41_a_revert_from_an_empty_or_malformed_commit_never_reaches_the_remote(forge, source, bad, which):
    before = forge.commit({"a": "1"})
    after = forge.commit({"a": "2"})
    source.fetch(last_commit=None)
    arguments = {"to_commit": before, "head": after, which: bad}
    with pytest.raises(GitopsOrchError, match="not a full commit id"):
        revert(source, paths=("a",), message="back", **arguments)
    assert forge.head() == after


def test_a_hook_of_another_repository_that_starts_us_changes_nothing(
    forge, open_source, tmp_path, monkeypatch
):
    made = forge.commit({"a": "1"})
    other = Repository(tmp_path / "other.git")
    theirs = other.commit({"b": "2"})
    for name, value in {
        "GIT_DIR": str(other.path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(other.path / "objects"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "fetch.unpackLimit",
        "GIT_CONFIG_VALUE_0": "100",
        "GIT_TRACE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    source = open_source()
    assert source.fetch(last_commit=None) == made
    second = forge.commit({"a": "2"})
    assert source.fetch(last_commit=made) == second
    pushed = revert(source, paths=("a",), to_commit=made, head=second, message="back")
    assert forge.head() == pushed
    assert not source.has(theirs)
    assert not (tmp_path / "index").exists()


def test_a_repository_of_another_user_is_read_because_the_settings_name_it(forge, source):
    with provided():
        need_root()
    made = forge.commit({"a": "1"})
    for path in [forge.path, *forge.path.rglob("*")]:
        os.chown(path, 12345, 12345)
    assert source.fetch(last_commit=None) == made


def test_g27_a_symbolic_link_inside_of_a_commit_is_followed_as_a_blob(forge, source):
    common = ("100644", "blob", forge.blob("A=1\n"), b"common.env")
    web = forge.entry_tree(("120000", "blob", forge.blob("../common.env"), b".env"))
    again = ("120000", "blob", forge.blob("web"), b"again")
    made = forge.commit(forge.entry_tree(again, common, ("040000", "tree", web, b"web")))
    source.fetch(last_commit=None)
    tree = source.tree(made)
    assert tree.read("web/.env") == tree.read("again/.env") == b"A=1\n"
    assert tree.files["web/.env"].origin == "common.env"
    assert tree.linked_directories == {"again"}
    assert not tree.refused
