"""`.gitops-ignore`: excludes files that look like apps, in the syntax of `.gitignore`.

As with `.gitignore`, each directory may have one, the last pattern that matches decides, and a file in a deeper
directory takes precedence. It excludes apps only: a file that another file mounts or includes is read anyway.
"""

import re
from dataclasses import dataclass, field
from posixpath import dirname, join
from typing import TYPE_CHECKING

from gitops_orch.errors import SourceError
from gitops_orch.model.problem import Position, Problem
from gitops_orch.model.tree import Tree

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAME = ".gitops-ignore"
FILE_BYTES_MAX = 100_000
LINES_MAX = 1_000
LINE_LENGTH_MAX = 200
# A star is tried at each character of a path, so a few stars in one pattern could take very long.
STARS_MAX = 4
_STARS = re.compile(r"\*+")


@dataclass(slots=True)
class IgnoreRules:
    """All ignore files of a tree; each is read when a path below its directory is requested."""

    tree: Tree
    problems: list[Problem] = field(default_factory=list)
    # Ignore files with a mistake: the files that they exclude are unknown
    unread: list[str] = field(default_factory=list)
    _specs: dict[str, "GitIgnoreSpec | None"] = field(default_factory=dict)  # by directory

    def why_left_out(self, path: str) -> str:
        """Return the position of the pattern that excludes a file; "" where none does."""
        directory = dirname(path)
        while True:
            spec = self._spec(directory)
            if spec is not None:
                found = spec.check_file(path[len(directory) + 1 :] if directory else path)
                if found.include is not None:
                    number = (found.index or 0) + 1
                    return f"{join(directory, NAME)}:{number}" if found.include else ""
            if not directory:
                return ""
            directory = dirname(directory)

    def _spec(self, directory: str) -> "GitIgnoreSpec | None":
        if directory not in self._specs:
            path = join(directory, NAME)
            self._specs[directory] = self._read(path) if path in self.tree.files else None
        return self._specs[directory]

    def _read(self, path: str) -> "GitIgnoreSpec | None":
        if self.tree.files[path].size_bytes > FILE_BYTES_MAX:
            return self._refused(path, 0, f"has more than {FILE_BYTES_MAX} bytes; write fewer patterns")
        try:
            lines = self.tree.read(path).decode().splitlines()
        except (UnicodeDecodeError, SourceError) as error:
            return self._refused(path, 0, f"cannot be read: {error}")
        if len(lines) > LINES_MAX:
            return self._refused(path, 0, f"has more than {LINES_MAX} lines; write fewer patterns")
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_LENGTH_MAX or len(_STARS.findall(line)) > STARS_MAX:
                message = (
                    f"a pattern has at most {LINE_LENGTH_MAX} characters and {STARS_MAX} stars; shorten it"
                )
                return self._refused(path, number, message)
        from pathspec import GitIgnoreSpec  # few repositories have such a file

        try:
            # The library does not count empty lines, and a message must name the line.
            return GitIgnoreSpec.from_lines([line if line.strip() else "#" for line in lines])
        except ValueError as error:
            return self._refused(path, 0, f"holds a pattern that is none: {error}")

    def _refused(self, path: str, line: int, message: str) -> "GitIgnoreSpec | None":
        self.unread.append(path)
        place = Position(path=path, line=line, column=1 if line else 0)
        self.problems.append(Problem(position=place, message=message))
        return None
