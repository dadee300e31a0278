"""Limits a plan to selected apps and the apps that they depend on. No other app is changed."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from posixpath import dirname

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired, InvalidFile
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.plan.plan import Plan, PlanHold
from gitops_orch.model.problem import Problem


def with_dependencies(named: Collection[AppKey], apps: Iterable[App]) -> frozenset[AppKey]:
    """Return the named apps and all apps that they depend on, directly or indirectly."""
    needs = {app.key: app.depends_on for app in apps}
    found: set[AppKey] = set()
    todo = list(named)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += needs.get(key, ())
    return frozenset(found)


def limited_to(plan: Plan, scope: Collection[AppKey]) -> Plan:
    """Return the part of a plan that concerns the apps in scope.

    If a step needs a step of an app outside the scope (for example, to free a port), that step and all steps after it
    are left out, and its app is held: only a plan for both apps can do it.
    """
    kept: dict[str, Action] = {}
    blocked: dict[AppKey, AppKey] = {}
    owners = {action.id: action.app for action in plan.actions}
    needed = _pulls_of(plan, scope)
    # the order guarantees that each action is behind all actions that it waits for
    for action in plan.actions:
        if action.app not in scope and action.id not in needed:
            continue
        missing = next((each for each in (*action.after, *action.follows) if each not in kept), None)
        if missing is None:
            kept[action.id] = action
        elif action.app is not None:
            blocked.setdefault(action.app, owners.get(missing) or action.app)
    holds = [hold for hold in plan.holds if hold.app is None or hold.app in scope]
    holds += [_blocked(app, other) for app, other in blocked.items() if other not in scope]
    return replace(
        plan,
        actions=tuple(action for action in kept.values() if action.app not in blocked),
        holds=tuple(holds),
        unknown_apps=tuple(app for app in plan.unknown_apps if app in scope),
        files_unknown={app: why for app, why in plan.files_unknown.items() if app in scope},
    )


def problems_of(desired: Desired, scope: Collection[AppKey]) -> tuple[Problem, ...]:
    """Return the problems of a commit, without those in the directories of other apps."""
    ours = {dirname(app.path) for app in desired.apps if app.key in scope}
    ours |= {dirname(file.path) for file in desired.invalid_files if _was_in(scope, file, desired)}
    paths = (*(app.path for app in desired.apps), *(file.path for file in desired.invalid_files))
    everyone = set(map(dirname, paths)) | ours
    return tuple(
        each
        for each in desired.problems
        if (home := _home(each.position.path, everyone)) is None or home in ours
    )


def _was_in(scope: Collection[AppKey], file: InvalidFile, desired: Desired) -> bool:
    return any(app in scope and file.mistake in why for app, why in desired.invalid_reasons.items())


def _home(path: str, directories: Collection[str]) -> str | None:
    """Return the nearest directory above a file that is the directory of an app; None if there is none."""
    while path:
        path = dirname(path)
        if path in directories:
            return path
    return None


def _pulls_of(plan: Plan, scope: Collection[AppKey]) -> frozenset[str]:
    """Return the pulls that apps of the scope wait for. A pull belongs to the first app that needs the image."""
    pulls = {action.id for action in plan.actions if action.kind is Kind.PULL}
    return frozenset(
        each for action in plan.actions if action.app in scope for each in action.after if each in pulls
    )


def _blocked(app: AppKey, other: AppKey) -> PlanHold:
    reason = f"it has to wait for what is planned for {other}; name {other} as well, or sync all"
    return PlanHold(subject=str(app), reason=reason, app=app, error=True)
