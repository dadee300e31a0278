"""Programs of Debian 13, newer than those of the test machine: unpacked beside the system and never installed.

apt downloads them from the configured sources of the machine, with another suite, and they stay in the cache directory
of the user who runs the tests.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.commands import LabError, run
from lab.flavour import Flavour

SUITE = "trixie"
DOWNLOAD_S_MAX = 300.0
ENGINE_PACKAGES = ("docker.io", "containerd")
COMPOSE_PACKAGES = ("docker-compose",)
COMPOSE = Path("usr/libexec/docker/cli-plugins/docker-compose")


def cache_directory() -> Path:
    """Return the directory where downloads survive a test run."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gitops-orch-tests"


def compose_oracle() -> Path:
    """Return Compose v2.26 as one program: `PROGRAM -f FILE config --format json`; LabError if it is unavailable."""
    return unpacked("compose", COMPOSE_PACKAGES) / COMPOSE


def engine26_flavour() -> Flavour:
    """Return Docker Engine 26.1 with its containerd; the machine's runc serves it."""
    base = unpacked("engine26", ENGINE_PACKAGES)
    dockerd, containerd = base / "usr/sbin/dockerd", base / "usr/bin/containerd"
    return Flavour(
        dockerd=str(dockerd), containerd=str(containerd), directories=(dockerd.parent, containerd.parent)
    )


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """Return a directory with the files of the packages, downloaded once."""
    target = cache_directory() / SUITE / name
    with locked(name):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache_directory()) as scratch:
                _download(packages, Path(scratch))
                target.parent.mkdir(exist_ok=True)
                (Path(scratch) / "root").rename(target)
    return target


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Lock one entry of the cache directory against other test runs."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / f"{name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(packages: Sequence[str], scratch: Path) -> None:
    options = _apt_options(scratch)
    run("apt-get", *options, "update", deadline_s=DOWNLOAD_S_MAX)
    archives = scratch / "archives"
    archives.mkdir()
    for package in packages:
        run("sh", "-c", 'cd "$0" && exec "$@"', str(archives), "apt-get", *options, "download", package)
    for archive in sorted(archives.glob("*.deb")):
        run("dpkg", "-x", str(archive), str(scratch / "root"))


def _apt_options(scratch: Path) -> list[str]:
    sources = scratch / "sources.list"
    sources.write_text("".join(f"{line}\n" for line in _sources()))
    lists = scratch / "lists"
    (lists / "partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": str(lists),
        "Dir::Cache": str(scratch / "cache"),
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _sources() -> list[str]:
    return [f"deb {uri} {SUITE} main" for uri in mirrors()]


def mirrors() -> list[str]:
    """Return the package sources of this Debian, so that its mirror or proxy serves the other suite, too."""
    if not shutil.which("apt-get"):
        raise LabError("apt-get is not here; the oracle and the second Engine come from Debian's packages")
    shown = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    rows = run("apt-get", "indextargets", "--format", shown, "Created-By: Packages").splitlines()
    own = codename()
    found = {uri for uri, release, part in map(str.split, rows) if (release, part) == (own, "main")}
    if not found:
        raise LabError(f"apt has no source for {own} main, from which one for {SUITE} could be derived")
    return sorted(found)


def codename() -> str:
    """Return the name of the suite that this machine runs."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise LabError("/etc/os-release names no Debian suite")
