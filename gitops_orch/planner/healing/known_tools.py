"""Names other programs that are known to change containers and run on a host."""

from collections.abc import Iterator

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.rules.image_reference import split_reference
from gitops_orch.model.rules.labels import INSTANCE_LABEL
from gitops_orch.planner.inputs.index import Index

# The last part of their images' names.
KNOWN_TOOLS = frozenset(
    {
        *("watchtower", "ouroboros", "diun", "shepherd", "dockcheck"),
        *("portainer", "portainer-ce", "portainer-ee", "dockge", "yacht", "coolify"),
        *("doco-cd", "harbormaster", "kedge"),
    }
)


def likely_tools(index: Index, host: str, app: AppKey) -> str:
    """Return which other tools may be changing containers on a host, as the end of a sentence; "" if none is known."""
    found = list(dict.fromkeys(_tools(index, host, app)))
    return f", likely {' or '.join(found)}" if found else ""


def _tools(index: Index, host: str, app: AppKey) -> Iterator[str]:
    for container in sorted(index.hosts[host].host.foreign, key=lambda each: each.name):
        actor = _tool(container) if container.state is State.RUNNING else ""
        if actor:
            yield f"{actor} (container {container.name})"
    for container in index.projects.get((host, app.project), ()):
        yield f"docker compose (container {container.name})"


def _tool(container: ObservedContainer) -> str:
    instance = container.labels.get(INSTANCE_LABEL)
    if instance is not None:
        return f"the gitops-orch instance {instance}"
    name = split_reference(container.image).path.rpartition("/")[2]
    return name if name in KNOWN_TOOLS else ""
