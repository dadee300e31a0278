"""Which changes of a commit change no container?  A reader of the plan must not take them for overlooked."""

from collections.abc import Iterable, Iterator

from gitops_orch.controller.load import Loader
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.plan import Plan
from gitops_orch.planner.aside import is_aside
from gitops_orch.planner.field_changes import service_changes
from gitops_orch.planner.world import MadeFrom, Role, World

KEYS_SHOWN_MAX = 5


def notes_of(
    world: World, plan: Plan, containers: Iterable[ObservedContainer], loader: Loader
) -> tuple[str, ...]:
    """Return a sentence for each app whose new release leaves all its containers as they are, with the keys that changed."""
    busy = {action.app for action in plan.actions} | {hold.app for hold in plan.holds}
    made = {
        each.owner.app: each.owner for each in containers if each.owner is not None and not is_aside(each)
    }
    notes = []
    for each in world.chosen:
        owner = made.get(each.app.key)
        is_new = owner is not None and owner.release != each.app.digest and each.role is Role.HEAD
        if owner is None or not is_new or each.app.key in world.settled | busy:
            continue
        before = loader.app_at(each.app.key, owner.commit)
        keys = sorted(set(_changed(before, each.app))) if before is not None else []
        notes.append(_sentence(each.app.key, keys))
    return tuple(notes)


def _sentence(app: AppKey, keys: list[str]) -> str:
    more = f" and {len(keys) - KEYS_SHOWN_MAX} more" if len(keys) > KEYS_SHOWN_MAX else ""
    what = ", ".join(keys[:KEYS_SHOWN_MAX]) + more if keys else "its files"
    return f"{app}: {what} changed in Git, which changes no container"


def _changed(before: App, after: App) -> Iterator[str]:
    old = {service.name: service for service in before.services}
    for service in after.services:
        there = old.pop(service.name, None)
        if there is None:
            yield f"services.{service.name}"
            continue
        pair = (MadeFrom(app=before, service=there), MadeFrom(app=after, service=service))
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
