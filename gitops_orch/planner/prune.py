"""What left Git: the containers and networks of apps that no complete tree names any more."""

from gitops_orch.model.app import AppKey, Prune
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.removal import remove_networks, retire
from gitops_orch.planner.world import World


def gone_apps(world: World, index: Index) -> tuple[AppKey, ...]:
    """Return apps that have something on a known host and are neither asked for nor merely unreadable."""
    wanted = {chosen.app.key for chosen in world.chosen} | set(world.broken)
    return tuple(sorted((set(index.apps) | set(index.pre_starts) | set(index.networks)) - wanted))


def prune_apps(world: World, index: Index, draft: Draft) -> None:
    """Add the removal of what left Git, or a hold that says why it stays."""
    for key in gone_apps(world, index):
        obstacle = _obstacle(world, key)
        if obstacle:
            draft.hold(str(key), obstacle, key)
            continue
        first = len(draft.actions)
        there = (*index.apps.get(key, ()), *index.pre_starts.get(key, ()))
        for found in sorted(there, key=_by_host_and_name):
            retire(draft, found, "its app left Git", ())
        remove_networks(draft, index, key, {}, first)


def _obstacle(world: World, key: AppKey) -> str:
    if world.broken_paths:
        return f"is not removed while {world.broken_paths[0]} cannot be read: it may be there"
    hold = world.holds.get(key)
    if hold is not None and (hold.until is None or hold.until > world.now):
        return f"is held: {hold.reason}"
    if world.prune_of(key) is Prune.NEVER:
        return "left Git, and prune: never keeps what runs"
    if world.prune_of(key) is Prune.CONFIRM and not is_allowed(world, key):
        return f"left Git, and waits for a commit with the trailer `Allow-Prune: {key}`"
    return ""


def is_allowed(world: World, key: AppKey) -> bool:
    """Tell whether the commit, or an operator, allows the removal of an app by name."""
    return world.accepted or str(key) in world.allowed_prunes or key.name in world.allowed_prunes


def _by_host_and_name(found: Located) -> tuple[str, str]:
    return found.host, found.container.name
