"""What apps run that is not head's release: for those that must wait with head's, and for what depends on what left Git."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from gitops_orch.controller.facts import ReleaseFacts
from gitops_orch.controller.load import Loader
from gitops_orch.history.history import History
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.planner.dependencies import has_run
from gitops_orch.planner.world import Chosen, ImagePin, Role


def image_pins(history: History, app: AppKey, release: str) -> Mapping[str, ImagePin]:
    """Return the bytes that each service of a release ran last."""
    pins: dict[str, ImagePin] = {}
    for record in history.images(app, release=release):  # newest first
        pins.setdefault(record.service, ImagePin(id=record.image_id, digests=record.digests))
    return pins


def releases_that_run(
    chosen: Iterable[Chosen],
    containers: Iterable[ObservedContainer],
    loader: Loader,
    history: History,
    facts: ReleaseFacts,
) -> tuple[Chosen, ...]:
    """Return, for apps of which nothing runs head's release yet, the release that they run.

    Containers that no later release had to change are still of an earlier one.  So where all releases that containers
    name were stable, or nothing is left of an app, the app runs the newest stable one.  Where one was never proved, the
    app runs the one that most containers are of, the one that was created last before others.  Never a quarantined one.

    Only for apps that depend on others, or that a service has left, and for all where an app has left Git.  One whose
    files cannot be had, or resolve to something else by now, is left out.
    """
    chosen = list(chosen)
    votes: dict[AppKey, Counter[tuple[str, str]]] = defaultdict(Counter)
    services: dict[AppKey, set[str]] = defaultdict(set)
    for owner in (each.owner for each in sorted(containers, key=_created_s) if each.owner and has_run(each)):
        count = votes[owner.app].pop((owner.release, owner.commit), 0)
        votes[owner.app][(owner.release, owner.commit)] = count + 1  # behind all that were created before
        services[owner.app].add(owner.service)
    all_apps = bool(votes.keys() - {each.app.key for each in chosen})
    found = []
    for each in (each for each in chosen if each.role is Role.HEAD):
        key = each.app.key
        left = services[key] - {service.name for service in each.app.services}
        runs = _running(each.app, votes[key], facts) if all_apps or each.app.depends_on or left else None
        older = loader.app_at(key, runs[1]) if runs is not None else None
        if older is not None and runs is not None and older.digest == runs[0]:
            pins = image_pins(history, key, older.digest)
            found.append(Chosen(app=older, commit=runs[1], role=Role.WAITING, images=pins))
    return tuple(found)


def _running(head: App, votes: Counter[tuple[str, str]], facts: ReleaseFacts) -> tuple[str, str] | None:
    """Return the release that runs, by digest and commit; None where it is head's, or none is known."""
    if any(digest == head.digest for digest, _ in votes):
        return None
    failed = facts.failed.get(head.key, {})
    running = [pair for pair in votes if pair[0] not in failed]  # the one that was created last is last
    if not all(facts.was_stable(head.key, digest) for digest, _ in running):
        return max(reversed(running), key=lambda pair: votes[pair])
    stable = facts.stable_other_than(head.key, head.digest)
    return None if stable is None else (stable.digest, stable.commit)


def _created_s(container: ObservedContainer) -> float:
    return container.created_at.timestamp() if container.created_at is not None else 0.0
