"""Decides which containers are signalled about files that changed in place, and records afterwards that they were."""

from collections.abc import Iterable, Mapping, Sequence

from gitops_orch.model.app import App, FileMount, FilesPolicy
from gitops_orch.model.names import live_record_name
from gitops_orch.model.observed import State
from gitops_orch.model.plan.kinds import RecordFiles
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.index import HostIndex
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.resources.prepare import is_there


def changed_sets(app: App, slot: Slot, host: HostIndex) -> tuple[FileMount, ...]:
    """Return the live file sets of a slot that its host lacks, or that not all containers were signalled about."""
    hosts_own = app.files is FilesPolicy.HOST
    live = (
        files
        for files in slot.service.files
        if files.live is not None and not (files.follows_git and hosts_own)
    )
    return tuple(files for files in live if not is_there(app, files, host))


def needs_signal(slot: Slot) -> bool:
    """Return whether a slot keeps a container that already runs: a container that starts later reads the new files."""
    return slot.current is not None and slot.current.state in {State.RUNNING, State.PAUSED}


def signal_reason(slot: Slot, changed: Sequence[FileMount]) -> str:
    """Return which signal is sent, and why."""
    targets = ", ".join(sorted({files.target for files in changed}))
    return f"{slot.service.reload} because {targets} changed in Git"


def record_sets(
    app: App,
    slots: Iterable[Slot],
    hosts: Mapping[str, HostIndex],
    draft: PlanBuilder,
    after: Mapping[str, Sequence[str]],
) -> None:
    """Add, per host, the last step of a reload: it records that the live sets changed and all signals were sent."""
    recorded: set[tuple[str, str]] = set()
    for slot in slots:
        for files in changed_sets(app, slot, hosts[slot.host]):
            if (slot.host, files.digest) not in recorded and files.live is not None:
                recorded.add((slot.host, files.digest))
                draft.add(
                    RecordFiles(files),
                    slot.host,
                    live_record_name(app.key.project, files.live, files.digest),
                    f"records that {slot.service.name} has the new content of {files.target}",
                    name=f"{slot.service.name}:{files.target}",
                    app=app.key,
                    release=app.digest,
                    service=slot.service.name,
                    after=tuple(dict.fromkeys(after[slot.host])),
                )
