"""Reads the files of a load: each once; all are recorded, found or not, so that the result can be cached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitops_orch.errors import ManifestError, SourceError
from gitops_orch.manifest.problems.limits import SizeBudget
from gitops_orch.manifest.problems.unset_variables import Unset
from gitops_orch.manifest.repository.opaque_files import disguise
from gitops_orch.manifest.syntax.dotenv import DotenvError, parse_dotenv, parse_raw
from gitops_orch.manifest.yaml.encoding import not_utf8
from gitops_orch.manifest.yaml.yaml_document import FILE_BYTES_MAX, Dialect, Document, parse_documents
from gitops_orch.model.problem import Position, Problem
from gitops_orch.model.tree import Tree

VARIABLE_BYTES_MAX = 4_000_000
UNSET_MAX = 500
BYTES_MAX = 10_000_000  # that one app may read
FILES_MAX = 500  # that one app may read: includes, extends, variable files


class _TrackedVariables(Mapping[str, str]):
    """Variables that record whether one was requested.

    A file that requests none has the same result for every service.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.was = False

    def __getitem__(self, name: str) -> str:
        self.was = True
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(slots=True, kw_only=True)
class Sources:
    """Reads files of the tree; mistakes in them are added to `problems`."""

    tree: Tree
    problems: list[Problem]
    inputs: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unset: dict[Unset, None] = field(default_factory=dict)  # unset variables in files of variables
    budget: SizeBudget = field(default_factory=SizeBudget)
    variable_bytes: int = 0  # counted each time that a file is read as variables
    _documents: dict[str, tuple[Document, ...] | None] = field(default_factory=dict)
    # Files of variables that use no variable of other files
    _alone: dict[str, dict[str, str]] = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Return whether the tree has the file; a missing one is recorded, because the result depends on it."""
        if path in self.tree.files:
            return True
        self.missing.add(path)
        return False

    def why_missing(self, path: str) -> str:
        """Return why a file cannot be read, for the end of a sentence."""
        why = self.tree.why_absent(path)
        return f"is not read: {why}" if why else "is not in the repository; add it, or correct the path"

    def has(self, path: str) -> bool:
        """Return whether an optional file exists; one that exists but cannot be read is a problem."""
        if self.exists(path):
            return True
        why = self.tree.why_absent(path)
        if why:
            self._error(path, f"is not read: {why}")
        return False

    def read(self, path: str) -> bytes | None:
        """Return a file's content; None, with a problem, where it cannot be read."""
        if path in self.inputs:
            return self.inputs[path]
        entry = self.tree.files[path]
        if entry.size_bytes > FILE_BYTES_MAX:
            self._error(path, f"the file has {entry.size_bytes} bytes, at most {FILE_BYTES_MAX} are read")
            return None
        if len(self.inputs) >= FILES_MAX:
            self._error(path, f"one app reads more than {FILES_MAX} files; include fewer")
            return None
        if sum(map(len, self.inputs.values())) + entry.size_bytes > BYTES_MAX:
            self._error(path, f"one app reads more than {BYTES_MAX} bytes; make several apps of it")
            return None
        try:
            content = self.tree.read(path)
        except SourceError as error:
            self._error(path, f"cannot be read: {error}")
            return None
        disguised = disguise(content)
        if disguised:
            self._error(path, disguised)
            return None
        self.inputs[path] = content
        return content

    def documents(self, path: str) -> tuple[Document, ...] | None:
        """Return a Compose file's documents; None, with its problems reported once, where it is not YAML."""
        if path not in self._documents:
            self._documents[path] = self._parse(path)
        return self._documents[path]

    def variables(
        self, path: str, lookup: Mapping[str, str], *, own_first: bool = False, raw: bool = False
    ) -> dict[str, str]:
        """Return the variables of a file of the tree; none, with a problem, where it cannot be read.

        With `raw`, a value is the text after the equals sign, with its quotes and dollar signs.
        """
        content = self.read(path)
        if content is None:
            return {}
        self.variable_bytes += len(content)
        if self.variable_bytes > VARIABLE_BYTES_MAX:
            self._error(
                path, f"one app reads more than {VARIABLE_BYTES_MAX} bytes of variables; name fewer files"
            )
            return {}
        if path in self._alone and not raw:
            return self._alone[path]

        def unset(name: str, line: int) -> None:
            if len(self.unset) < UNSET_MAX:
                use = Unset(name, Position(path=path, line=line, column=1), in_variables=True)
                self.unset[use] = None

        asked = _TrackedVariables(lookup)
        found: dict[str, str] = {}
        try:
            text = content.decode()
            if raw:
                return parse_raw(text, lookup)
            found = parse_dotenv(text, asked, own_first=own_first, budget=self.budget, unset=unset)
        except UnicodeDecodeError:
            self.problems.extend(filter(None, (not_utf8(path, content),)))
        except DotenvError as error:
            self.problems.append(
                Problem(position=Position(path=path, line=error.line, column=1), message=str(error))
            )
        if not asked.was:
            self._alone[path] = found
        return found

    def _parse(self, path: str) -> tuple[Document, ...] | None:
        content = self.read(path)
        if content is None:
            return None
        try:
            return parse_documents(path, content, dialect=Dialect.COMPOSE)
        except ManifestError as error:
            self.problems.extend(error.problems)
            return None

    def _error(self, path: str, message: str) -> None:
        self.problems.append(Problem(position=Position(path=path), message=message))
