"""Which Engine a lab host runs: the system's, or one that was unpacked beside it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An Engine executes itself again for each container that it starts and each archive that it reads. This takes 80 ms of
# processor time; a quarter was garbage collection, although the new process exits soon anyway.
GARBAGE_PERCENT = "400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """The programs of one version of Docker; `directories` are searched before the system's."""

    dockerd: str
    containerd: str
    directories: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the environment in which its programs find each other, without other variables of the test run."""
        path = ":".join((*map(str, self.directories), SYSTEM_PATH))
        place = {"HOME": "/root", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
        return {"PATH": path, "GOGC": GARBAGE_PERCENT, **place}


def system_flavour() -> Flavour | None:
    """Return the installed Engine, or None if there is none."""
    dockerd, containerd = shutil.which("dockerd"), shutil.which("containerd")
    return Flavour(dockerd=dockerd, containerd=containerd) if dockerd and containerd else None
