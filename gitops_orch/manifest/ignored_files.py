"""Finds files that are not read but look as if they should be, and makes notes of them for `validate`."""

from collections.abc import Collection, Iterator, Sequence
from posixpath import basename, dirname, join

from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.repository.discover import COMPOSE_NAMES, is_searched
from gitops_orch.manifest.repository.ignore import NAME as IGNORE_NAME
from gitops_orch.manifest.repository.ignore import IgnoreRules
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.tree import Tree

OVERRIDE_NAMES = tuple(
    f"{stem}.override.{suffix}" for stem in ("compose", "docker-compose") for suffix in ("yaml", "yml")
)
NOTES_MAX = 100
_SUFFIXES = (".yaml", ".yml")
# Names that other tools use for a Compose file.
_OTHER_NAMES = (
    "stack",
    "docker-stack",
    "podman-compose",
    "container-compose",
    "docker_compose",
    "dockercompose",
)


def notes_of(tree: Tree, files: Sequence[CompiledFile]) -> Iterator[Problem]:
    """Yield a note for each file next to, or instead of, a Compose file that no app reads."""
    read = {path for file in files for path in file.read if path in tree.files}
    homes = {dirname(file.path) for file in files}
    for file in files:
        for name in OVERRIDE_NAMES:
            path = join(dirname(file.path), name)
            if path in tree.files and path not in read:
                yield _note(
                    path,
                    f"is not read: it is for laptops; to merge it, write COMPOSE_FILE={basename(file.path)}:{name} "
                    f"into {join(dirname(path), '.env')}",
                )
    rules = IgnoreRules(tree)
    lookalikes = (path for path in tree.files if path.lower().endswith(_SUFFIXES) and path not in read)
    for path in sorted(lookalikes):
        reason = _why_no_app(path, homes, tree)
        if reason and not rules.why_left_out(path):
            yield _note(path, reason)


def _why_no_app(path: str, homes: Collection[str], tree: Tree) -> str:
    """Return why a file that looks like an app is not one; "" where it does not look so, or is one."""
    directory, name = dirname(path), basename(path)
    if name in COMPOSE_NAMES and not is_searched(path):
        return (
            "is no app: directories and files whose names begin with . or _ are not searched; "
            f"rename the directory, or leave it out by a line in {IGNORE_NAME}"
        )
    if name in COMPOSE_NAMES and _through_link(path, tree):
        return (
            "is no app: it is reached through a symbolic link to its directory; apps are not searched there"
        )
    if directory in homes or not is_searched(path) or name in COMPOSE_NAMES:
        return ""
    if name.lower() in COMPOSE_NAMES:
        return f"is no app: file names are case-sensitive; rename it to {name.lower()}"
    stem = name.lower().rpartition(".")[0]
    if stem in _OTHER_NAMES or stem.startswith(("docker-compose.", "docker-compose-", "compose.")):
        return f"is no app: only {', '.join(COMPOSE_NAMES[:-1])} and {COMPOSE_NAMES[-1]} are; rename it to compose.yaml"
    return ""


def _through_link(path: str, tree: Tree) -> bool:
    return any(path.startswith(f"{link}/") for link in tree.linked_directories)


def _note(path: str, message: str) -> Problem:
    return Problem(position=Position(path=path), message=message, severity=Severity.NOTE)
