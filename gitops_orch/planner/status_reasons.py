"""Says in one sentence why an app is not in sync or not healthy, for cases that no hold reports."""

from collections.abc import Iterable, Sequence

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.display.legible import check_words
from gitops_orch.model.display.same_reason import NOT_PASSED_YET, REPORTS_UNHEALTHY
from gitops_orch.model.observed import Health, ObservedContainer, OwnedContainer, State, UnknownHost
from gitops_orch.model.plan.action import Action
from gitops_orch.model.trouble import LEFT_GIT, Trouble
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import MemoryInputs, TargetRelease

_WORDS = {
    Health.STARTING: NOT_PASSED_YET,
    Health.UNHEALTHY: REPORTS_UNHEALTHY,
}


def open_actions(actions: Sequence[Action]) -> str:
    """Return how many steps are left, and the first of them; "" if none is left."""
    if not actions:
        return ""
    first = actions[0]
    count = "1 step is left" if len(actions) == 1 else f"{len(actions)} steps are left, the first is"
    kind = first.kind.value.replace("_", " ")
    return f"{count}: {kind} {first.name or first.target} on {first.host} ({first.reason})"


def trouble_of(chosen: TargetRelease, memory: MemoryInputs) -> str:
    """Return why the last attempt at the target release failed, in any process; "" if it did not fail."""
    trouble = memory.troubles.get(chosen.app.key)
    if trouble is None or trouble.digest != chosen.app.digest:
        return ""
    return trouble_reason(trouble)


def why_not_removed(app: AppKey, memory: MemoryInputs) -> str:
    """Return why the last attempt to remove an app that left Git failed, in any process; "" if none failed."""
    trouble = memory.troubles.get(app)
    return trouble_reason(trouble) if trouble is not None and trouble.digest == LEFT_GIT else ""


def trouble_reason(trouble: Trouble) -> str:
    """Return why the last attempt failed, how many attempts there were, and since when."""
    times = "once" if trouble.attempts == 1 else f"{trouble.attempts} times"
    return f"{trouble.reason}; tried {times} since {trouble.since:%Y-%m-%dT%H:%M:%SZ}"


def invalid_file_reason(app: AppKey, mistake: str, index: Index) -> str:
    """Return why an app with an invalid file stays as it is."""
    return f"keeps what it runs: {mistake}" if index.apps.get(app) else mistake


def silent_hosts(hosts: Iterable[UnknownHost]) -> str:
    """Return which hosts do not answer, and why; "" if all answer."""
    return "; ".join(f"host {host.name} does not answer: {host.reason}" for host in hosts)


def why_unhealthy(containers: Iterable[OwnedContainer], app: App) -> str:
    """Return the first container that is not healthy, with its state; "" if all are healthy."""
    for found in containers:
        word = _unhealthy(found, app)
        if word:
            return f"{found.name} on {found.host}: {word}"
    return ""


def _unhealthy(container: ObservedContainer, app: App) -> str:
    if container.state is State.RUNNING:
        output = check_words(container.details, app) if container.health is not Health.HEALTHY else ""
        words = _WORDS.get(container.health, "")
        return f"{words}: {output}" if words and output else words
    code = container.details.exit_code if container.details is not None else 0
    return f"it is {container.state.value}" + (f" (exit code {code})" if code else "")
