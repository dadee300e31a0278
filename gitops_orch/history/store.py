"""Opens and checks the database of history, moves a damaged one away, and translates its errors into HistoryError.

Note [Lost file]: if a SQLite file is deleted or replaced while it is open, every write succeeds and is lost. So each
transaction first checks that the file is still the one that was opened.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from gitops_orch.errors import HistoryError, HistoryTooNew
from gitops_orch.history import schema
from gitops_orch.private_files import make_private_directory, owner_hint

FILE_NAME = "history.db"
BUSY_TIMEOUT_MS = 10_000
BROKEN_COPIES_MAX = 1000

_BROKEN = ("malformed", "not a database", "file is encrypted", "disk image", "corrupt")
# The first match applies: a word of the database's error, and the hint.
_HINTS = (
    ("full", "make room on the disk of the state directory; nothing is changed until then"),
    ("readonly", "make the state directory writable for this user"),
    ("read-only", "make the state directory writable for this user"),
    ("locked", "another process holds the database for long; end it"),
    ("unable to open", "check the permissions of the state directory"),
    ("malformed", "restart: the file is then moved away, and history is rebuilt from Git and labels"),
    ("disk I/O", "check the disk of the state directory"),
)


class Store:
    """One database, which several threads and processes may use at once; every failure is a HistoryError."""

    def __init__(self, state_dir: Path, url: str | None, restore: Callable[[Connection], object]) -> None:
        """Open the database and create missing tables; HistoryTooNew if a newer program version wrote it.

        `restore` is called to fill new tables.
        """
        self._restore = restore
        self.url = _url(state_dir, url)
        self.rebuilt = False
        self.opened_count = 0
        file = self.url.database if self.url.get_backend_name() == "sqlite" else None
        self._file = Path(file) if file else None
        with _errors(self.url), _alone(state_dir):
            self._engine = self._open()
            self._identity = self._file_identity()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a transaction, which is committed if the block ends without an error."""
        with _errors(self.url):
            if self._file is not None and self._identity != self._file_identity():
                self._reopen(self._file)
            with self._engine.begin() as connection:
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _reopen(self, file: Path) -> None:
        # See Note [Lost file].
        with _alone(file.parent):
            if self._identity != self._file_identity():
                self._engine.dispose()
                self._engine = self._open()
                self._identity = self._file_identity()
                self.rebuilt = True

    def _open(self) -> Engine:
        self.opened_count += 1
        engine = _connect(self.url)
        try:
            if self._file is not None and (problem := _integrity_problem(engine)):
                engine.dispose()
                _move_broken(self._file, problem)
                self.rebuilt = True
                engine = _connect(self.url)
            _make_tables(engine, self.url, self._restore)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _file_identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return (found.st_dev, found.st_ino)


def _url(state_dir: Path, url: str | None) -> URL:
    if url is None:
        return URL.create("sqlite", database=str(state_dir.absolute() / FILE_NAME))
    try:
        return make_url(url)
    except ArgumentError as error:
        raise HistoryError(
            "state.url is not a SQLAlchemy URL", hint="use postgresql+psycopg://..."
        ) from error


def _connect(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: object, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _integrity_problem(engine: Engine) -> str:
    try:
        with engine.connect() as connection:
            answer = str(connection.execute(text("PRAGMA integrity_check(1)")).scalar())
    except DBAPIError as error:
        if any(word in str(error.orig) for word in _BROKEN):
            return str(error.orig)
        raise
    return "" if answer == "ok" else answer


def _move_broken(file: Path, problem: str) -> None:
    for number in range(1, BROKEN_COPIES_MAX):
        copy_path = file.with_name(f"{file.name}.corrupt-{number}")
        if not copy_path.exists():
            break
    else:
        raise HistoryError(
            f"{file} is broken ({problem}), and so are {BROKEN_COPIES_MAX} earlier copies in the same directory",
            hint="check the disk, then delete the files named .corrupt-*",
        )
    file.rename(copy_path)
    for suffix in ("-wal", "-shm"):  # otherwise SQLite would replay them into the new file
        journal = file.with_name(file.name + suffix)
        if journal.exists():
            journal.rename(copy_path.with_name(copy_path.name + suffix))


def _make_tables(engine: Engine, url: URL, restore: Callable[[Connection], object]) -> None:
    found = _schema_version(engine)
    if found is not None and found > schema.SCHEMA_VERSION:  # checked before any change
        raise HistoryTooNew(
            f"{_shown(url)} has schema {found}, this version knows up to {schema.SCHEMA_VERSION}",
            hint="use the newer version again, or start with another state directory",
        )
    schema.metadata.create_all(engine)
    if found is None:
        row = {"key": "schema_version", "value": str(schema.SCHEMA_VERSION)}
        with engine.begin() as connection:
            connection.execute(insert(schema.meta).values(row))
            restore(connection)


def _schema_version(engine: Engine) -> int | None:
    if not inspect(engine).has_table(schema.meta.name):
        return None
    chosen = select(schema.meta.c.value).where(schema.meta.c.key == "schema_version")
    with engine.begin() as connection:
        found = connection.execute(chosen).scalar()
    return None if found is None else int(found)


@contextlib.contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    # If two processes open a new or a damaged file at once, only one of them may create it or move it away.
    make_private_directory(state_dir)
    fd = os.open(state_dir / f"{FILE_NAME}.open", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def _errors(url: URL) -> Iterator[None]:
    try:
        yield
    except NoSuchModuleError as error:
        raise HistoryError(
            f"no driver for {_shown(url)}", hint="install it, or leave out state.url"
        ) from error
    except PermissionError as error:
        directory = Path(error.filename or url.database or ".").parent
        raise HistoryError(
            f"the state directory {directory} cannot be used: {error.strerror}", hint=owner_hint(directory)
        ) from error
    except (SQLAlchemyError, OSError) as error:
        text = " ".join(str(getattr(error, "orig", None) or error).split())
        hint = next(
            (hint for word, hint in _HINTS if word.lower() in text.lower()), "check the state directory"
        )
        raise HistoryError(f"history in {_shown(url)} cannot be used: {text}", hint=hint) from error


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
