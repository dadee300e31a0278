"""Real Git repositories for tests: made with plumbing, so that a tree can hold what no work tree would take."""

import hashlib
import os
import subprocess
import zlib
from pathlib import Path

NOBODY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class Repository:
    """A bare repository that stands for the forge."""

    def __init__(self, path: Path, *, object_format: str = "sha1") -> None:
        self.path = path
        self._object_format = object_format
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "--bare", "-b", "main", f"--object-format={object_format}")
        for key in ("gc.auto", "receive.autogc"):
            self.git("config", key, "0")

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def git(self, *arguments: str, stdin: bytes = b"", environ: dict[str, str] | None = None) -> str:
        """Run git in the repository."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            check=True,
            capture_output=True,
            input=stdin,
            env={**inherited, **NOBODY, **AUTHOR, **(environ or {})},
        )
        return done.stdout.decode().strip()

    def blob(self, content: str | bytes) -> str:
        """Store content, as a loose object: a process for each file of each commit would take longer than the rest."""
        body = content.encode() if isinstance(content, str) else content
        stored = b"blob %d\0" % len(body) + body
        oid = hashlib.new(self._object_format, stored).hexdigest()
        place = self.path / "objects" / oid[:2] / oid[2:]
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(zlib.compress(stored, 1))
        return oid

    def entry_tree(self, *rows: tuple[str, str, str, bytes]) -> str:
        """Store a tree of (mode, type, id, name) as it stands, however odd."""
        text = b"".join(f"{mode} {kind} {oid}\t".encode() + name + b"\0" for mode, kind, oid, name in rows)
        return self.git("mktree", "-z", "--missing", stdin=text)

    def tree(self, files: dict[str, str | bytes]) -> str:
        """Store a tree of regular files by path."""
        place = self.path / f"index-{os.getpid()}"
        place.unlink(missing_ok=True)
        index = {"GIT_INDEX_FILE": str(place)}
        rows = b"".join(f"100644 {self.blob(content)}\t{path}\0".encode() for path, content in files.items())
        self.git("update-index", "-z", "--index-info", stdin=rows, environ=index)
        return self.git("write-tree", environ=index)

    def commit(
        self,
        files: dict[str, str | bytes] | str,
        *,
        message: str = "a change",
        parents: tuple[str, ...] | None = None,
        branch: str = "main",
        environ: dict[str, str] | None = None,
    ) -> str:
        """Commit exactly these files, or a tree by id, on top of the branch, or of the named parents, and move it."""
        tree = files if isinstance(files, str) else self.tree(files)
        if parents is None:
            head = self.head(branch)
            parents = (head,) if head else ()
        flags = [word for parent in parents for word in ("-p", parent)]
        made = self.git("commit-tree", tree, *flags, "-F", "-", stdin=message.encode(), environ=environ)
        self.git("update-ref", f"refs/heads/{branch}", made)
        return made

    def head(self, branch: str = "main") -> str:
        """Return the commit of a branch, "" where there is none."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def read(self, commit: str, path: str) -> str:
        """Return a file of a commit."""
        return self.git("show", f"{commit}:{path}")
