"""What containers need before they can be made: images on every host first of all, then networks, volumes and files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops_orch.model.app import App
from gitops_orch.model.plan import Action, Kind
from gitops_orch.planner.draft import Draft
from gitops_orch.planner.index import HostIndex, Index
from gitops_orch.planner.slots import AppSlots, Slot

_PULL_AGAIN = ("always", "daily", "weekly", "every_")


def step(app: App, kind: Kind, host: str, target: str, reason: str, after: Iterable[str] = ()) -> Action:
    """Return an action of an app; the draft gives it its id."""
    return Action(
        id="",
        kind=kind,
        host=host,
        target=target,
        name=target,
        reason=reason,
        app=app.key,
        release=app.digest,
        after=tuple(dict.fromkeys(after)),
    )


def pull_images(app: App, slots: AppSlots, draft: Draft) -> list[str]:
    """Add the pulls of all images that new containers need and hosts lack; return their ids."""
    pulls: dict[tuple[str, str], str] = {}
    for slot in slots.slots:
        wish = (slot.host, slot.image)
        if slot.made and wish not in pulls and _must_pull(slot):
            why = "pull_policy asks for it" if slot.image_id else "it is not on the host"
            action = step(app, Kind.PULL, slot.host, slot.image, f"{slot.service.name} needs it, and {why}")
            pulls[wish] = draft.add(replace(action, image=slot.image, service=slot.service.name))
    return list(pulls.values())


def _must_pull(slot: Slot) -> bool:
    policy = str(slot.service.compose.get("pull_policy") or "missing")
    if policy == "never":
        return False
    return not slot.image_id or policy.startswith(_PULL_AGAIN)


def prepare_hosts(
    app: App, slots: AppSlots, index: Index, draft: Draft, pulls: list[str]
) -> Mapping[str, list[str]]:
    """Add what is missing of networks, volumes and files; return, by host, the ids that its containers wait for."""
    prepared: dict[str, list[str]] = defaultdict(list)
    seen: set[tuple[Kind, str, str]] = set()
    for slot in slots.slots:
        host = index.hosts[slot.host]
        for action in (*_networks(app, slot, host), *_volumes(app, slot, host), *_files(app, slot, host)):
            key = (action.kind, action.host, action.target)
            if key not in seen:
                seen.add(key)
                prepared[slot.host].append(draft.add(replace(action, after=tuple(pulls))))
    return prepared


def _networks(app: App, slot: Slot, host: HostIndex) -> Iterable[Action]:
    for network in app.networks:
        if (
            network.key in slot.service.networks
            and not network.external
            and network.name not in host.networks
        ):
            action = step(app, Kind.CREATE_NETWORK, slot.host, network.name, "it is not on the host")
            yield replace(action, network=network)


def _volumes(app: App, slot: Slot, host: HostIndex) -> Iterable[Action]:
    for volume in app.volumes:
        if volume.key in slot.service.volumes and not volume.external and volume.name not in host.volumes:
            action = step(app, Kind.CREATE_VOLUME, slot.host, volume.name, "it is not on the host")
            yield replace(action, volume=volume)


def _files(app: App, slot: Slot, host: HostIndex) -> Iterable[Action]:
    if not slot.made:
        return
    for files in slot.service.files:
        if files.writable_path is None and files.digest in host.file_sets:
            continue
        name = files.writable_path or files.target
        why = "seeds its data directory" if files.writable_path else "its content is not on the host"
        action = step(
            app,
            Kind.PUT_FILES,
            slot.host,
            files.writable_path or files.digest,
            f"{name} of {slot.service.name}: {why}",
        )
        yield replace(action, name=name, files=files, image=slot.image, service=slot.service.name)
