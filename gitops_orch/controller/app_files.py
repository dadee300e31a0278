"""Which app each file was when it was last read, kept in history: a file that breaks later is still that app's."""

import json
from collections.abc import Mapping
from contextlib import suppress

from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey


def read_app_files(history: History) -> Mapping[str, AppKey]:
    """Return the apps by the paths of their files; what cannot be made out is as good as unknown."""
    with suppress(ValueError, TypeError, AttributeError):
        kept = json.loads(history.app_files() or "{}")
        return {str(path): _key(str(name)) for path, name in kept.items()}
    return {}


def keep_app_files(history: History, files: Mapping[str, AppKey]) -> None:
    """Remember the files of apps, where they are not what is remembered already."""
    text = json.dumps({path: str(app) for path, app in sorted(files.items())})
    if text != history.app_files():
        history.set_app_files(text)


def _key(text: str) -> AppKey:
    namespace, _, name = text.partition("/")
    return AppKey(namespace=namespace, name=name)
