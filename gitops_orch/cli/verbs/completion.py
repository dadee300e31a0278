"""Provides names for shell completion from history, without requests to hosts or to the remote."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.app import AppKey
from gitops_orch.model.names import prepared_service
from gitops_orch.settings import Settings, is_root, load_settings


def complete_app(incomplete: str) -> list[str]:
    """Return the matching apps that exist: by name in the default namespace, else as `namespace/app`."""
    return _matching(incomplete, _apps())


def complete_known_app(incomplete: str) -> list[str]:
    """Return the matching apps, including those that left Git and are removed from all hosts."""
    return _matching(incomplete, chain(_apps(), _released_apps()))


def complete_app_or_service(incomplete: str) -> list[str]:
    """Return the matching apps; after an app's `/`, its services that history has seen on a host."""
    return _matching(incomplete, chain(_apps(), _services() if "/" in incomplete else ()))


def complete_host(incomplete: str) -> list[str]:
    """Return the matching hosts."""
    return _matching(incomplete, _hosts())


def complete_container(incomplete: str) -> list[str]:
    """Return the matching containers."""
    return _matching(incomplete, _containers())


def _matching(incomplete: str, names: Iterable[str]) -> list[str]:
    found: set[str] = set()
    with suppress(GitopsOrchError, OSError):  # a shell that completes names must not show an error
        found = {name for name in names if name.startswith(incomplete)}
    return sorted(found)


def _apps() -> Iterator[str]:
    from gitops_orch.daemon.application import open_history
    from gitops_orch.daemon.live_apps import live_apps

    with open_history(_settings()) as history:
        yield from map(_short, live_apps(history))


def _released_apps() -> Iterator[str]:
    from gitops_orch.daemon.application import open_history

    with open_history(_settings()) as history:
        yield from (_short(release.app) for release in history.releases(None))


def _short(app: AppKey) -> str:
    return app.name if app.namespace == "default" else str(app)


def _services() -> Iterator[str]:
    from gitops_orch.daemon.application import open_history

    with open_history(_settings()) as history:
        for placed in chain.from_iterable(history.remembered().values()):
            service = prepared_service(placed.service)
            yield f"{placed.app}/{service}"
            if placed.app.namespace == "default":
                yield f"{placed.app.name}/{service}"


def _hosts() -> Iterator[str]:
    from gitops_orch.daemon.application import open_history

    with open_history(_settings()) as history:
        yield from history.seen()


def _containers() -> Iterator[str]:
    from gitops_orch.daemon.application import open_history

    with open_history(_settings()) as history:
        yield from history.container_names()


def _settings() -> Settings:
    return load_settings(flags={}, environ=os.environ, file=None, root=is_root())
