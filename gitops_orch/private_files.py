"""Creates directories and files that only this user may read: state has credentials and the contents of releases."""

import contextlib
import os
import pwd
from pathlib import Path

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def make_private_directory(directory: Path) -> None:
    """Create a directory and its parents; if it exists and is ours, make it private, too. Raises OSError."""
    for missing in [each for each in (*reversed(directory.parents), directory) if not each.exists()]:
        missing.mkdir(exist_ok=True, mode=DIRECTORY_MODE)
    found = directory.stat()
    if found.st_mode & 0o777 != DIRECTORY_MODE and found.st_uid == os.geteuid():
        directory.chmod(DIRECTORY_MODE)


def write_private(file: Path, text: str) -> None:
    """Replace a file atomically, so that after a crash it has the old or the new text. Raises OSError."""
    fresh = file.with_name(f"{file.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(number, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(number)
    fresh.replace(file)


def owner_hint(directory: Path) -> str:
    """Return a hint for a directory of ours that this user may not use."""
    user = user_name(os.geteuid())
    there = next((each for each in (directory, *directory.parents) if _exists(each)), directory)
    with contextlib.suppress(OSError):
        owner = there.stat().st_uid
        if owner != os.geteuid():
            return (
                f"it belongs to {user_name(owner)}: run this as that user (`sudo -u {user_name(owner)} ...`), "
                f"or give it to this one with `chown -R {user} {directory}`"
            )
    return f"make it writable for {user}"


def user_name(number: int) -> str:
    """Return the name of a user, or the number if it has no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
