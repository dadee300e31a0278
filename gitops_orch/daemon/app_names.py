"""Resolves the names that a person types.

They are `app` or `namespace/app`; with a service, `app/service` or `namespace/app/service`.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.app import App, AppKey

DEFAULT_NAMESPACE = "default"
NAMES_SHOWN_MAX = 10
_GENERATION = re.compile(r"(-[0-9a-f]{7})?(-failed|-kept)?$")  # ends the names of our containers


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSelector:
    """An app, and one of its services; None selects all services."""

    app: AppKey
    service: str | None = None


def find_app(text: str, known: Iterable[AppKey]) -> AppKey:
    """Return the known app with this name. The error for an ambiguous name lists the candidates."""
    keys = sorted(set(known))
    exact = [key for key in keys if text in {str(key), key.name}]
    preferred = [key for key in exact if str(key) == text] or [
        key for key in exact if key.namespace == DEFAULT_NAMESPACE
    ]
    found = preferred or exact
    if len(found) == 1:
        return found[0]
    if found:
        raise GitopsOrchError(f"{text} is the name of {_listed(found)}", hint="write namespace/app")
    raise GitopsOrchError(f"there is no app {text}", hint=suggestion(text, keys))


def find_service(text: str, apps: Iterable[App]) -> AppSelector:
    """Return the app, or the service of an app, with this name."""
    by_key = {app.key: app for app in apps}
    head, _, last = text.rpartition("/")
    if head and not any(text == str(key) for key in by_key):
        app = by_key[find_app(head, by_key)]
        names = [service.name for service in app.services]
        if last not in names:
            raise GitopsOrchError(f"{app.key} has no service {last}", hint=f"it has {', '.join(names)}")
        return AppSelector(app=app.key, service=last)
    return AppSelector(app=find_app(text, by_key))


def near_containers(text: str, names: Iterable[str]) -> list[str]:
    """Return the containers that a person probably means by an incomplete name, or by the name of an earlier container.

    Containers whose name begins with the text are preferred to similar names; at most `NAMES_SHOWN_MAX`.
    """
    known = sorted(set(names))
    for beginning in (text, _GENERATION.sub("", text)):
        found = [name for name in known if name.startswith(beginning)] if beginning else []
        if found:
            return found[:NAMES_SHOWN_MAX]
    return difflib.get_close_matches(text, known, n=3)


def suggestion(text: str, known: Iterable[AppKey]) -> str:
    """Return a hint: the known app whose name is most similar to the text, else the existing apps."""
    keys = sorted(set(known))
    names = [str(key) for key in keys] + [key.name for key in keys]
    near = difflib.get_close_matches(text, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {_listed(keys)}" if keys else "the repository has none yet"


def _listed(keys: list[AppKey]) -> str:
    shown = ", ".join(str(key) for key in keys[:NAMES_SHOWN_MAX])
    return f"{shown} and {len(keys) - NAMES_SHOWN_MAX} more" if len(keys) > NAMES_SHOWN_MAX else shown
