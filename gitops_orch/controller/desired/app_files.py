"""Remembers in history which app each file was when it was last read: if a file breaks later, it is still that app."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import dirname

from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired, Former


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFiles:
    """What history knows of the Compose files of the last good commit."""

    apps: Mapping[str, AppKey] = field(default_factory=dict)  # by path
    fragments: Mapping[str, str] = field(default_factory=dict)  # by path: a file that reuses it

    def former(self) -> Former:
        """Return which files were apps, and which were not."""
        return Former(
            directories=frozenset(map(dirname, self.apps)),
            apps=frozenset(self.apps.values()),
            fragments=self.fragments,
        )

    def after(self, desired: Desired) -> "AppFiles":
        """Return what to remember after a commit. For a broken file, that is what it was before."""
        broken = set(desired.invalid_apps)
        kept = {path: app for path, app in self.apps.items() if app in broken}
        return AppFiles(
            apps=kept | {app.path: app.key for app in desired.apps},
            fragments={each.path: each.user for each in desired.fragments},
        )


def read_app_files(history: History) -> AppFiles:
    """Return the files of apps; data that cannot be parsed is unknown."""
    return _parsed(history.app_files() or "{}")


@lru_cache(maxsize=2)
def _parsed(text: str) -> AppFiles:
    with suppress(ValueError, TypeError, AttributeError):
        kept = json.loads(text)
        return AppFiles(
            apps={str(path): _key(str(name)) for path, name in kept.get("apps", {}).items()},
            fragments={str(path): str(user) for path, user in kept.get("fragments", {}).items()},
        )
    return AppFiles()


def keep_app_files(history: History, files: AppFiles) -> None:
    """Save the files of apps, if they differ from the saved ones."""
    if files != read_app_files(history):
        apps = {path: str(app) for path, app in sorted(files.apps.items())}
        history.set_app_files(json.dumps({"apps": apps, "fragments": dict(sorted(files.fragments.items()))}))


def _key(text: str) -> AppKey:
    namespace, _, name = text.partition("/")
    return AppKey(namespace=namespace, name=name)
