"""A numbered slot on the machine, used by one lab at a time, so that several test runs do not collide.

The number determines addresses, interface names, the directory and the cgroup; the holder of its lock owns them all.
If the previous owner was killed, the next one finds its remains under the same names and removes them first.
"""

import fcntl
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab.commands import LabError, run, try_run, wait_for

ROOT = Path("/var/lib/gitops-orch-lab")
SLOTS_MAX = 200
REAP_S_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The number, and the lock that is held for as long as the slot is used."""

    number: int
    lock: IO[bytes]

    @property
    def directory(self) -> Path:
        """Return the directory of this slot."""
        return ROOT / str(self.number)

    @property
    def name(self) -> str:
        """Return the prefix of interfaces and namespaces: short, because an interface name has 15 characters."""
        return f"gol{self.number}"

    @property
    def subnet(self) -> str:
        """Return the first three parts of the slot's addresses."""
        return f"10.99.{self.number}"

    @property
    def cgroup(self) -> str:
        """Return the parent cgroup of the slot's containers."""
        return f"gitops-orch-lab-{self.number}"


def claim_slot() -> Slot:
    """Take the first free number and remove the remains of a killed owner."""
    ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, SLOTS_MAX):
        slot = _try_claim(number)
        if slot:
            clear(slot)
            slot.directory.mkdir(mode=0o700)
            return slot
    raise LabError(f"all {SLOTS_MAX} slots under {ROOT} are taken; end the test runs that hold them")


def release_slot(slot: Slot) -> None:
    """Remove everything with the slot's names, then release the number."""
    try:
        clear(slot)
    finally:
        slot.lock.close()


def clear_abandoned() -> int:
    """Clear the slots whose owners have ended, and return their number."""
    numbers = sorted(int(path.name) for path in ROOT.glob("*") if path.name.isdigit())
    slots = [slot for slot in map(_try_claim, numbers) if slot]
    for slot in slots:
        release_slot(slot)
    return len(slots)


def clear(slot: Slot) -> None:
    """Remove the slot's processes, mounts, namespaces, interfaces, firewall rules, cgroups and files, in that order."""
    reap(lambda: _processes_of(slot.directory))
    for path in _cgroups(slot.cgroup):
        reap(lambda path=path: _members(path))
    for target in _mounts_below(slot.directory):
        try_run("umount", "--lazy", target)
    _clear_network(slot)
    for path in _cgroups(slot.cgroup):
        path.rmdir()
    if slot.directory.exists():
        shutil.rmtree(slot.directory)


def reap(find: Callable[[], set[int]]) -> None:
    """Kill the processes that `find` returns until it returns none: a dying supervisor may still start a child."""

    def gone() -> bool:
        pids = find()
        for pid in pids:
            kill(pid, signal.SIGKILL)
        return not pids

    wait_for("killed processes to end", gone, deadline_s=REAP_S_MAX)


def kill(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def cgroup_members(cgroup: str) -> set[int]:
    """Return the processes of all containers under a cgroup."""
    return set().union(*(_members(path) for path in _cgroups(cgroup)))


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    return _state(Path(f"/proc/{pid}")) not in ("", "Z")


def is_stopped(pid: int) -> bool:
    """Return whether every thread of a process is frozen."""
    return all(_state(task) in ("", "T") for task in Path(f"/proc/{pid}/task").iterdir())


def processes_naming(text: str) -> set[int]:
    """Return the running processes with the text in their command line, except this process."""
    wanted = text.encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and wanted in _read(entry / "cmdline"):
            found.add(int(entry.name))
    return {pid for pid in found if is_running(pid)}


def _try_claim(number: int) -> Slot | None:
    lock = (ROOT / f"{number}.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return Slot(number=number, lock=lock)


def _processes_of(directory: Path) -> set[int]:
    return processes_naming(f"{directory}/")


def _state(entry: Path) -> str:
    """Return the state letter of a process or thread, as in proc(5); empty if it has ended."""
    return _read(entry / "stat").rpartition(b")")[2].strip()[:1].decode()


def _members(path: Path) -> set[int]:
    pids = {int(word) for word in _read(path / "cgroup.procs").split()}
    return {pid for pid in pids if pid and is_running(pid)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError, OSError):
        return b""


def _cgroups(name: str) -> list[Path]:
    """Return the cgroup and all its descendants in every hierarchy, the deepest first."""
    tops = [*Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")]
    return [Path(directory) for top in tops for directory, _, _ in os.walk(top, topdown=False)]


def _mounts_below(directory: Path) -> list[str]:
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [target for target in reversed(targets) if target.startswith(f"{directory}/")]


def _clear_network(slot: Slot) -> None:
    for path in Path("/run/netns").glob(f"{slot.name}h*"):
        run("ip", "netns", "delete", path.name)
    rule = ("FORWARD", "-i", slot.name, "-o", slot.name, "-j", "ACCEPT")
    while try_run("iptables", "-D", *rule):
        pass
    try_run("ip", "link", "delete", slot.name)
    try_run("ip", "address", "delete", f"{slot.subnet}.254/32", "dev", "lo")
