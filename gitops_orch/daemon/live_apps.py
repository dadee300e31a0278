"""Finds the apps on which a verb can still act: apps in Git, apps that run, and apps with a hold or a pin to remove.

History also knows the apps that left Git and were removed from all hosts. `history` shows them and `rollback` restores
them; a hold of such an app would have no effect.
"""

from collections.abc import Iterable
from itertools import chain

from gitops_orch.controller.desired.app_files import read_app_files
from gitops_orch.daemon.app_names import find_app, suggestion
from gitops_orch.errors import GitopsOrchError
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired

SHORT = 7  # characters of a commit


def apps_on_hosts(history: History) -> set[AppKey]:
    """Return the apps that had a container on a host when the host last answered."""
    return {placed.app for placed in chain.from_iterable(history.remembered().values())}


def live_apps(history: History) -> set[AppKey]:
    """Return the apps on which some verb can act, from history alone."""
    in_git = set(read_app_files(history).apps.values())
    return in_git | apps_on_hosts(history) | set(history.holds()) | set(history.pins())


def find_live_app(text: str, desired: Desired, history: History, also: Iterable[AppKey] = ()) -> AppKey:
    """Return the app with this name, among the apps in Git, the apps that run, and `also`.

    Raises GitopsOrchError if there is none. The error distinguishes an app that left Git from an app that never
    existed.
    """
    live = {app.key for app in desired.apps} | set(desired.invalid_apps) | apps_on_hosts(history) | set(also)
    try:
        return find_app(text, live)
    except GitopsOrchError:
        releases = history.releases(None)
        left = [each for each in releases if text in {str(each.app), each.app.name} and each.app not in live]
        if not left or any(key.name == text for key in live):
            raise
        last = left[0]  # the newest
        raise GitopsOrchError(
            f"{last.app} left Git (its last release is of commit {last.commit[:SHORT]}), and nothing of it runs",
            hint=suggestion(text, live),
        ) from None
