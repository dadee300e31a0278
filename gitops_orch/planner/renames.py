"""Which app left Git under one name and came under another, and would it start without its data?

An app whose directory, `name:` or namespace changes is another app to us: it gets volumes and data directories of its
own, which are empty.  So one that takes the place of an app with the same services, and would start without the data of
that one, is held, and so is the removal of the old one, until a person says which is meant.  Where no data is at stake
the new one starts, and the old one is removed once the new one has proved itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gitops_orch.model.app import App, AppKey, Prune
from gitops_orch.planner.allowed import is_allowed
from gitops_orch.planner.aside import is_aside
from gitops_orch.planner.data_loss import Loss, losses
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.newcomers import Newcomers
from gitops_orch.planner.prune import gone_apps
from gitops_orch.planner.world import World

LOSSES_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """What was renamed: by new app the old one; and what is held for it, each with why."""

    successors: Mapping[AppKey, AppKey] = field(default_factory=dict)  # by old app the new one
    held: Mapping[AppKey, str] = field(default_factory=dict)  # new apps that are not started
    kept: Mapping[AppKey, str] = field(default_factory=dict)  # old apps that are not removed


def with_renames(world: World, index: Index) -> World:
    """Return the world with what was renamed, and what is held for it."""
    found = find_renames(world, index)
    kept = {**world.kept, **found.kept}
    return replace(world, successors=found.successors, unstarted=found.held, kept=kept)


def find_renames(world: World, index: Index) -> Renames:
    """Find the apps that left Git and came again under another name; each counts once."""
    gone = [key for key in gone_apps(world, index) if _may_be_renamed(world, key, index)]
    new = Newcomers(each for each in world.chosen if each.app.key in world.newcomers)
    successors: dict[AppKey, AppKey] = {}
    held: dict[AppKey, str] = {}
    kept: dict[AppKey, str] = {}
    for old in gone:
        there = _running_services(index, old)
        chosen = new.take_likeliest(old, there)
        if chosen is None:
            continue
        key = chosen.app.key
        successors[old] = key
        lost = list(_at_stake(chosen.app, there, index))
        if lost and not index.apps.get(key) and not is_allowed(world, old):
            held[key] = _start_held(chosen.app, old, lost, world)
            kept[old] = (
                f"keeps running: {key} ({chosen.app.path}) looks like this app under another name, and would start without "
                f"its data; `gitops-orch status {key}` shows the lines that keep the data or start without it"
            )
    return Renames(successors=successors, held=held, kept=kept)


def _may_be_renamed(world: World, key: AppKey, index: Index) -> bool:
    known_to_stay = key in world.strangers or key in world.kept or world.prune_of(key) is Prune.NEVER
    return bool(index.apps.get(key)) and not known_to_stay


def _running_services(index: Index, key: AppKey) -> Mapping[str, list[Located]]:
    found: dict[str, list[Located]] = {}
    for each in index.apps.get(key, ()):
        if each.container.owner is not None and not is_aside(each.container):
            found.setdefault(each.container.owner.service, []).append(each)
    return found


def _at_stake(app: App, there: Mapping[str, list[Located]], index: Index) -> Iterator[Loss]:
    """Yield what the new app would start without; a name that both must have is at stake as well."""
    for service in app.services:
        for found in there.get(service.name, ()):
            yield from losses(app, service, found, index, moved=True)
            if service.container_name and service.container_name == found.container.name:
                yield Loss(
                    service.name, "its container_name", found.container.name, "the same, which is taken"
                )


def _start_held(app: App, old: AppKey, lost: list[Loss], world: World) -> str:
    shown = "; ".join(map(str, dict.fromkeys(lost[:LOSSES_SHOWN])))
    namespace = "" if old.namespace == app.key.namespace else f" and x-gitops: {{namespace: {old.namespace}}}"
    return (
        f"looks like {old} under another name, and would start without its data ({shown}). To keep the data, write "
        f"`name: {old.name}`{namespace} in {app.path}; to start without it, commit with the trailer "
        f"`Allow-Prune: {old}` or run `gitops-orch accept {world.commit[:12]}`. {old} keeps running until then"
    )
