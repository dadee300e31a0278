"""What apps run that is not head's release: for those that must wait with head's, and for what depends on what left Git."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from gitops_orch.controller.load import Loader
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.planner.world import Chosen, ImagePin, Role


def image_pins(history: History, app: AppKey, release: str) -> Mapping[str, ImagePin]:
    """Return the bytes that each service of a release ran."""
    return {
        record.service: ImagePin(id=record.image_id, digests=record.digests)
        for record in history.images(app, release=release)
    }


def releases_that_run(
    chosen: Iterable[Chosen],
    containers: Iterable[ObservedContainer],
    loader: Loader,
    history: History,
    *,
    all_apps: bool,
) -> tuple[Chosen, ...]:
    """Return, for apps of which nothing runs head's release yet, the one that most of their containers are of.

    Without `all_apps`, only for those that depend on others, or that a service has left.  One whose files cannot be had, or resolve to something
    else by now, is left out.
    """
    votes: dict[AppKey, Counter[tuple[str, str]]] = defaultdict(Counter)
    services: dict[AppKey, set[str]] = defaultdict(set)
    for owner in (container.owner for container in containers if container.owner is not None):
        votes[owner.app][(owner.release, owner.commit)] += 1
        services[owner.app].add(owner.service)
    found = []
    for each in chosen:
        key, running = each.app.key, votes.get(each.app.key)
        if each.role is not Role.HEAD or not running:
            continue
        if not (all_apps or each.app.depends_on or services[key] - {s.name for s in each.app.services}):
            continue
        release, commit = max(running, key=lambda pair: (running[pair], pair))
        runs_head = any(digest == each.app.digest for digest, _ in running)
        older = None if runs_head else loader.app_at(key, commit)
        if older is not None and older.digest == release:
            pins = image_pins(history, key, release)
            found.append(Chosen(app=older, commit=commit, role=Role.WAITING, images=pins))
    return tuple(found)
