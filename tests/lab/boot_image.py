"""The files of a Debian that boots with systemd, built from the machine's own package source."""

import shutil
import tempfile
from pathlib import Path

from lab.commands import LabError, run
from lab.debian import cache_directory, codename, locked, mirrors

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "git",
    "openssh-client",
    "openssh-server",
    "ca-certificates",
)
BUILD_S_MAX = 600.0
FREE_BYTES_MIN = 2_000_000_000


def boot_archive() -> Path:
    """Return the archive of the Debian's files, built once from the machine's own package source."""
    archive = cache_directory() / codename() / "booted.tar"
    with locked("booted"):
        if not archive.exists():
            _build(archive)
    return archive


def _build(archive: Path) -> None:
    if not shutil.which("mmdebstrap"):
        raise LabError("mmdebstrap is not installed; scripts/test installs it")
    if shutil.disk_usage(archive.parents[1]).free < FREE_BYTES_MIN:
        raise LabError(
            f"{archive.parents[1]} has too little room to build a Debian; {FREE_BYTES_MIN} bytes are needed"
        )
    archive.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        packed = Path(scratch) / "booted.tar"
        left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
        included = f"--include={','.join(PACKAGES)}"
        argv = ("mmdebstrap", "--quiet", "--variant=minbase", included, *left_out, codename(), str(packed))
        run(*argv, mirrors()[0], deadline_s=BUILD_S_MAX)
        packed.rename(archive)
