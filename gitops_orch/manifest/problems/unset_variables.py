"""Reports variables that no committed file sets: where they are used, once for each file."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitops_orch.manifest.problems.model_problems import shortened
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.model.problem import Position, Problem, Severity

HIDDEN = ""  # instead of a name that may be a part of a password
LINES_MAX = 5  # lines that a message names for one variable
_HEAD = re.compile(r"\$(?:(?P<name>\w+)|\{(?P<braced>\w+)\})(?P<rest>/[^:]*)")


@dataclass(frozen=True, slots=True)
class Unset:
    """One use of a variable that is not set."""

    name: str
    position: Position
    host_path: str = ""  # the text after it in a mount's source, where that text alone is a path of the host
    in_variables: bool = False  # it is in a file of variables, not in a Compose file


def host_path_after(path: KeyPath, template: str, name: str) -> str:
    """Return the path that is left of a mount's source after an unset variable at its start; "" for any other value."""
    if path[:1] != ("services",) or path[2:3] != ("volumes",) or path[4:] not in ((), ("source",)):
        return ""
    head = _HEAD.match(template)
    return head["rest"] if head and name in (head["name"], head["braced"]) else ""


def naming(names: Sequence[str]) -> str:
    """Return why a value is empty or cut, for the end of a message about it; "" where all variables are set."""
    names = [name for name in names if name != HIDDEN]
    if not names:
        return ""
    subject = f"variable {names[0]} is" if len(names) == 1 else f"variables {_listed(names)} are"
    return f" (the {subject} not set in a committed file)"


def unset_problems(uses: Iterable[Unset], severity: Severity) -> Iterator[Problem]:
    """Yield one problem for the variables of a Compose file, and one for each use that needs other advice."""
    folded: dict[str, list[Unset]] = defaultdict(list)
    special: dict[tuple[str, str, str, bool], list[Unset]] = defaultdict(list)
    for use in uses:
        if use.in_variables or use.host_path or use.name in ("PWD", HIDDEN):
            special[(use.position.path, use.name, use.host_path, use.in_variables)].append(use)
        else:
            folded[use.position.path].append(use)
    for some in [*folded.values(), *special.values()]:
        some.sort(key=lambda use: use.position)
        yield Problem(position=some[0].position, message=shortened(_sentence(some)), severity=severity)


def _sentence(uses: list[Unset]) -> str:
    first = uses[0]
    if first.name == HIDDEN:
        way = "put the value between single quotes" if first.in_variables else "write $$ for a dollar sign"
        return (
            "a variable in this value is not set in a committed file, so it is empty; "
            f"{way} if the dollar sign is a part of the value"
        )
    lines: dict[str, list[int]] = defaultdict(list)
    for use in uses:
        if use.position.line not in (first.position.line, *lines[use.name]):
            lines[use.name].append(use.position.line)
    names = [f"{name}{_lines(also)}" for name, also in lines.items()]
    several = len(names) > 1
    head = f"the variable{'s' if several else ''} {_listed(names)} {'are' if several else 'is'} not set in a committed file"
    if first.host_path:
        return f"{head}, so this mounts {first.host_path} of the host; {_path_advice(first)}"
    empty = "so they are empty" if several else "so it is empty"
    return f"{head}, {empty}; {_advice(first, 'them' if several else 'it')}"


def _advice(use: Unset, them: str) -> str:
    if use.in_variables:
        return (
            f"put the value between single quotes if the dollar sign is a part of it, or set {use.name} above"
        )
    if use.name == "PWD":
        return "write . for the directory of the Compose file"
    return f"set {them} in .env beside the Compose file, or write ${{{use.name}:-}}"


def _path_advice(use: Unset) -> str:
    if use.name == "PWD":
        return f"write .{use.host_path} for a path in the directory of the Compose file"
    return f"set it in .env beside the Compose file, or write .{use.host_path} for a path in that directory"


def _lines(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:LINES_MAX]))
    more = ", ..." if len(numbers) > LINES_MAX else ""
    return f" (line{'s' if len(numbers) > 1 else ''} {shown}{more})"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
