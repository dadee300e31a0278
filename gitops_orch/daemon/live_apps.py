"""Which apps can a verb still act on?  Those of Git, those that run, and those with a hold or a pin to remove.

History also knows the apps that left Git and are removed from all hosts.  `history` shows them and `rollback` brings them
back; a hold of one of them would mean nothing.
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
    """Return the apps with a container on a host when the host answered last."""
    return {placed.app for placed in chain.from_iterable(history.remembered().values())}


def live_apps(history: History) -> set[AppKey]:
    """Return the apps that some verb can act on, from history alone."""
    in_git = set(read_app_files(history).apps.values())
    return in_git | apps_on_hosts(history) | set(history.holds()) | set(history.pins())


def find_live_app(text: str, desired: Desired, history: History, also: Iterable[AppKey] = ()) -> AppKey:
    """Return the app that the text means, of those in Git, those that run, and `also`.

    GitopsOrchError where there is none; it tells an app that left Git from one that never was.
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
