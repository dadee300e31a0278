"""Decides which Compose files are apps, and which are only fragments that other files include or extend.

A file can declare it itself, with `x-gitops: {fragment: true}` or `false`. A file without such a declaration that
another file reuses is a fragment, unless it is an app already: an app that runs stays an app, because reuse alone
removes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.problems.collector import is_error
from gitops_orch.model.desired import Former, Fragment, InvalidFile
from gitops_orch.model.problem import Position, Problem, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedFiles:
    """The files that are apps, the files that are not, and problems of files that could be meant as both."""

    apps: tuple[CompiledFile, ...]
    fragments: tuple[Fragment, ...]
    problems: tuple[Problem, ...]
    reuses: bool  # the result depends on what the files were before

    def unread(self) -> tuple[InvalidFile, ...]:
        """Return the fragments that cannot be read at all: each may be a moved app with a mistake."""
        return tuple(fragment.broken for fragment in self.fragments if fragment.broken is not None)


def sort_files(files: Iterable[CompiledFile], former: Former) -> SortedFiles:
    """Separate apps from fragments; `former` are the apps and fragments before this commit."""
    files = tuple(files)
    users = users_of({file.path: file.included for file in files})
    extended = {path for file in files for path in file.extended}
    broken = {file.path for file in files if file.app is None}
    apps: list[CompiledFile] = []
    fragments: list[Fragment] = []
    problems: list[Problem] = []
    for file in files:
        user = users.get(file.path, "")
        if not user and former.fragments.get(file.path, "") in broken:
            # It may still be reused: the file that reused it cannot be read
            user = former.fragments[file.path]
        was_app = former.held(file.path, file.key)
        if file.fragment or (user and file.fragment is None and not was_app):
            fragments.append(_fragment(file, user))
        else:
            apps.append(file)
        if file.fragment is None and user and (was_app or file.path in extended):
            problems.append(_unclear(file, user, stays=was_app))
    return SortedFiles(
        apps=tuple(apps),
        fragments=tuple(fragments),
        problems=tuple(problems),
        reuses=bool(users or former.fragments),
    )


def _fragment(file: CompiledFile, user: str) -> Fragment:
    unread = file.key is None and not file.fragment
    mistake = next((str(problem) for problem in file.problems if is_error(problem)), file.path)
    broken = InvalidFile(path=file.path, key=None, mistake=mistake) if unread else None
    return Fragment(path=file.path, key=file.key, user=user, declared=bool(file.fragment), broken=broken)


def _unclear(file: CompiledFile, user: str, *, stays: bool) -> Problem:
    what = "stays an app" if stays else "is no app of its own"
    message = (
        f"{what}, and {user} reuses it; write x-gitops: {{fragment: false}} here to deploy it as an app too, or "
        "x-gitops: {fragment: true} to make it a fragment that is only reused"
    )
    return Problem(position=Position(path=file.path), message=message, severity=Severity.WARNING)


def users_of(included: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Return, for each file that others include or extend, one of these.

    Files in a cycle do not count for each other.
    """
    reach = {path: _reached(path, included) for path, direct in included.items() if direct}
    return {
        part: path
        for path, parts in sorted(reach.items(), reverse=True)
        for part in parts
        if part != path and path not in reach.get(part, ())
    }


def _reached(path: str, included: Mapping[str, tuple[str, ...]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(included[path])
    while waiting:
        part = waiting.pop()
        if part not in reached:
            reached.add(part)
            waiting += included.get(part, ())
    return reached
