"""Decides which app an unreadable file was. That app keeps what it runs: an invalid file is never a missing one.

A file is recognised by its directory, because a directory holds one app and its file may be renamed. History knows
which app each file was when it was last read. If history is lost, the labels of containers name the file.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from posixpath import dirname

from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired, Former, Fragment
from gitops_orch.model.observed import OwnedContainer

FILE_LABEL = "com.docker.compose.project.config_files"
_ALL_SHOWN = "; `gitops-orch validate` shows all mistakes"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousFiles:
    """The files of apps, as they were when they were last read."""

    files: Mapping[str, AppKey] = field(default_factory=dict)  # by path, from history
    # by app: the paths in the labels of its containers
    running: Mapping[AppKey, frozenset[str]] = field(default_factory=dict)

    def former(self, fragments: Mapping[str, str]) -> Former:
        """Return which files were apps and which, according to history, were fragments."""
        apps = frozenset({*self.files.values(), *self.running})
        return Former(directories=frozenset(self.by_directory()), apps=apps, fragments=fragments)

    def by_directory(self) -> Mapping[str, frozenset[AppKey]]:
        """Return the apps that each directory contained."""
        found: dict[str, set[AppKey]] = defaultdict(set)
        for path, app in self.files.items():
            found[dirname(path)].add(app)
        for app, paths in self.running.items():
            for path in paths:
                found[dirname(path)].add(app)
        return {directory: frozenset(apps) for directory, apps in found.items()}


def previous_files(files: Mapping[str, AppKey], containers: Iterable[OwnedContainer]) -> PreviousFiles:
    """Return the files of apps according to history and the labels of our containers."""
    running: dict[AppKey, set[str]] = defaultdict(set)
    for container in containers:
        path = container.labels.get(FILE_LABEL, "")
        running[container.owner.app] |= {path} if path else set()
    return PreviousFiles(files=files, running={app: frozenset(paths) for app, paths in running.items()})


def identify(desired: Desired, former: PreviousFiles) -> Desired:
    """Return the desired state, where each app whose file became invalid is invalid, too, and not missing.

    `invalid_paths` are then the invalid files whose app is unknown: while there is one, no app is removed as one that
    left Git.
    """
    homes = former.by_directory()
    alive = {app.key for app in desired.apps}
    known = (former.running.keys() | set(former.files.values())) - alive
    # A file in another directory is one of these apps only if no other file has its name; else it may be any app.
    missing = known.difference(*(homes.get(dirname(file.path), ()) for file in desired.invalid_files))
    claims = Counter(file.key for file in desired.invalid_files)
    why = dict(desired.invalid_reasons)
    unknown: list[str] = []
    for file in desired.invalid_files:
        were = homes.get(dirname(file.path), frozenset()) - alive
        for app in sorted(were - why.keys()):
            why[app] = f"{file.mistake} (this file was {app} when it was last read)"
        if not were and (file.key not in missing or claims[file.key] > 1):
            unknown.append(file.path)
    why |= {
        app: reason for app, reason in _below_refused(homes, desired.refused) if app not in alive | why.keys()
    }
    return replace(
        desired,
        invalid_apps=tuple(sorted({*desired.invalid_apps, *why})),
        invalid_paths=tuple(sorted(unknown)),
        invalid_reasons={app: reason + _ALL_SHOWN for app, reason in why.items()},
        kept={
            app: _became_fragment(app, fragment)
            for fragment in desired.fragments
            for app in sorted({*homes.get(dirname(fragment.path), ()), fragment.key} & known)
            if app is not None and app not in why
        },
    )


def _became_fragment(app: AppKey, fragment: Fragment) -> str:
    return (
        f"keeps what it runs: {fragment}. To remove its containers, commit with the trailer `Allow-Prune: {app}`; to "
        f"keep the app, write x-gitops: {{fragment: false}} in {fragment.path}"
    )


def _below_refused(
    homes: Mapping[str, frozenset[AppKey]], refused: Mapping[str, str]
) -> Iterator[tuple[AppKey, str]]:
    """Yield apps whose directory, or one above it, is a link, a submodule or another entry that is not read."""
    for directory, apps in homes.items() if refused else ():
        place = directory
        while place and place not in refused:
            place = dirname(place)
        if place:
            yield from ((app, f"{place}: is not read: {refused[place]}") for app in sorted(apps))
