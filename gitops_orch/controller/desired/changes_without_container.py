"""Finds changes of a commit that change no container, so that readers of the plan do not think them overlooked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import OwnedContainer
from gitops_orch.model.plan.plan import Plan
from gitops_orch.planner.diff.field_changes import service_changes
from gitops_orch.planner.inputs.world import DeclaredService, Role, World

KEYS_SHOWN_MAX = 5


def notes_of(
    world: World,
    plan: Plan,
    containers: Iterable[OwnedContainer],
    repository: ConfigRepository,
    apps: Collection[AppKey],
) -> tuple[str, ...]:
    """Return a sentence for each of `apps` whose new release leaves all its containers as they are.

    It names the keys that changed. `plan` must be the whole plan: it shows whose containers change.
    """
    busy = {action.app for action in plan.actions} | {hold.app for hold in plan.holds}
    created = {each.owner.app: each.owner for each in containers if not is_retained(each)}
    changed = [
        (each.app, created[each.app.key].commit)
        for each in world.releases.targets
        if each.role is Role.HEAD
        and each.app.key in apps
        and each.app.key in created
        and each.app.key not in world.releases.stable_heads
        and each.app.key not in busy
        and created[each.app.key].release != each.app.digest
    ]
    by_commit: dict[str, set[AppKey]] = defaultdict(set)
    for app, commit in changed:
        by_commit[commit].add(app.key)
    for commit, keys in by_commit.items():
        repository.read_many(keys, commit)
    return tuple(_sentence(app, repository.app_at(app.key, commit)) for app, commit in changed)


def _sentence(app: App, before: App | None) -> str:
    keys = sorted(set(_changed(before, app))) if before is not None else []
    more = f" and {len(keys) - KEYS_SHOWN_MAX} more" if len(keys) > KEYS_SHOWN_MAX else ""
    what = ", ".join(keys[:KEYS_SHOWN_MAX]) + more if keys else "its files"
    return f"{app.key}: {what} changed in Git, which changes no container"


def _changed(before: App, after: App) -> Iterator[str]:
    old = {service.name: service for service in before.services}
    for service in after.services:
        there = old.pop(service.name, None)
        if there is None:
            yield f"services.{service.name}"
            continue
        pair = (DeclaredService(app=before, service=there), DeclaredService(app=after, service=service))
        yield from (f"services.{service.name}.{change.path}" for change in service_changes(*pair))
        extensions = {key for key in {*there.compose, *service.compose} if key.startswith("x-")}
        yield from (
            f"services.{service.name}.{key}"
            for key in extensions
            if there.compose.get(key) != service.compose.get(key)
        )
    yield from (f"services.{name}" for name in old)
    yield from (
        f"x-gitops.{key}"
        for key in (
            "placement",
            "depends_on",
            "rollout",
            "rollback",
            "move",
            "adopt",
            "drift",
            "files",
            "prune",
            "hold",
        )
        if getattr(before, key) != getattr(after, key)
    )
