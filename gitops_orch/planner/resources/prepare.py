"""Adds what containers need before their creation: first images on every host, then networks, volumes and files."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

from gitops_orch.model.app import App, AppKey, FileMount, Network, Volume
from gitops_orch.model.host_files import FilesWork, query_of
from gitops_orch.model.names import live_volume_name, mounts_record_name
from gitops_orch.model.plan.kinds import CreateNetwork, CreateVolume, Kind, PutFiles
from gitops_orch.model.rules.data_mounts import mounts_text, normal_target
from gitops_orch.model.rules.labels import MOUNTS_LABEL
from gitops_orch.planner.diff.bind_files import (
    file_changes,
    initial_files,
    kept_notes,
    leaves_git,
    left_git,
    placed,
    work_on,
    work_reason,
)
from gitops_orch.planner.diff.kept_mounts import MountResolver
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.resources.duplicate_networks import remove_duplicate_networks
from gitops_orch.planner.resources.networks import differs, replace_network
from gitops_orch.planner.resources.pulls import PullReason
from gitops_orch.planner.resources.volumes import note_changed_volumes, volume_name


def prepare_hosts(
    app: App, slots: AppSlots, world: World, index: Index, draft: PlanBuilder, pulls: tuple[str, ...]
) -> Mapping[str, tuple[str, ...]]:
    """Add missing networks, volumes and files; return, by host, the ids of the steps that its containers wait for."""
    preparation = _Preparation(app, world, draft, pulls, MountResolver(app, index))
    for name in sorted({slot.host for slot in slots.slots}):
        note_changed_volumes(app, index.hosts[name], draft)
    for slot in slots.slots:
        preparation.networks(slot, index.hosts[slot.host], with_subnet=True)
    for slot in slots.slots:
        host = index.hosts[slot.host]
        preparation.networks(slot, host, with_subnet=False)
        kept = preparation.keeper.of(slot).sources
        preparation.volumes(slot, host, kept)
        preparation.files(slot, host, kept)
    prepared = {host: tuple(chain(*steps.values())) for host, steps in preparation.steps.items()}
    return defaultdict(tuple, prepared)


class _Preparation:
    """Adds each object once per host."""

    def __init__(
        self, app: App, world: World, draft: PlanBuilder, pulls: tuple[str, ...], keeper: MountResolver
    ) -> None:
        self.app = app
        self.world = world
        self.keeper = keeper
        self.draft = draft
        self.pulls = pulls
        self.steps: dict[str, dict[tuple[Kind, str], tuple[str, ...]]] = defaultdict(dict)
        self.subnets: dict[str, list[str]] = defaultdict(list)
        self.left_git = left_git(app, world, keeper.index)

    def networks(self, slot: Slot, host: HostIndex, *, with_subnet: bool) -> None:
        for network in (each for each in self.app.networks if each.has_subnet is with_subnet):
            key = (Kind.CREATE_NETWORK, network.name)
            if network.external or network.key not in slot.service.networks or key in self.steps[slot.host]:
                continue
            there = host.networks.get(network.name)
            if there is not None and there.owner not in {None, self.app.key}:
                self._note_shared(network, slot.host, there.owner, otherwise=differs(network, there))
                continue
            removed = remove_duplicate_networks(self.app.key, network.name, host, self.draft, self.pulls)
            if there is None:
                self.steps[slot.host][key] = (self._create_network(slot.host, network),)
            elif differs(network, there):
                after = (*self.pulls, *removed)
                self.steps[slot.host][key] = replace_network(self.app, network, host, self.draft, after)
            elif removed:
                self.steps[slot.host][key] = removed

    def _create_network(self, host: str, network: Network) -> str:
        """Add a network. One without a subnet waits: its Engine could give it the subnet that another one declares."""
        shared = self.draft.ledger.creation_of_network(host, network.name)
        if shared is not None:
            self._note_shared(
                network, host, shared.app, otherwise=shared.network.definition != network.definition
            )
            return shared.id
        created = self.draft.add(
            CreateNetwork(network),
            host,
            network.name,
            PullReason.ABSENT.value,
            name=network.name,
            app=self.app.key,
            release=self.app.digest,
            after=self.pulls if network.has_subnet else (*self.pulls, *self.subnets[host]),
        )
        if network.has_subnet:
            self.subnets[host].append(created)
        return created

    def _note_shared(self, wanted: Network, host: str, owner: AppKey | None, *, otherwise: bool) -> None:
        """Two apps that declare one network share the one that the first created; only that app can change it."""
        if otherwise:
            self.draft.hold(
                wanted.name,
                f"is on {host} as app {owner} declares it, and this app declares it otherwise; write `external: true` "
                "in one of the two, or give them different names",
                self.app.key,
            )

    def volumes(self, slot: Slot, host: HostIndex, kept: Mapping[str, str]) -> None:
        if kept and not self.keeper.is_recorded(slot):
            name = mounts_record_name(self.app.key.project, slot.service.name, slot.assignment.slot)
            record = Volume(key="adopted", name=name, compose={"labels": {MOUNTS_LABEL: mounts_text(kept)}})
            why = "its label records the paths of the data that is adopted"
            self.steps[slot.host][Kind.CREATE_VOLUME, name] = (self._create_volume(slot.host, record, why),)
        for volume in self.app.volumes:
            if _is_replaced(volume, slot, kept):
                continue
            key = (Kind.CREATE_VOLUME, volume.name)
            if volume.external or volume.name in host.volumes or key in self.steps[slot.host]:
                continue
            if volume.key in slot.service.volumes:
                self.steps[slot.host][key] = (self._create_volume(slot.host, volume),)

    def _create_volume(self, host: str, volume: Volume, why: str = PullReason.ABSENT.value) -> str:
        created = self.draft.add(
            CreateVolume(volume),
            host,
            volume.name,
            why,
            name=volume.name,
            app=self.app.key,
            release=self.app.digest,
            after=self.pulls,
        )
        self.draft.ledger.needs_name(host, volume_name(volume.name), created)
        return created

    def files(self, slot: Slot, host: HostIndex, kept: Mapping[str, str]) -> None:
        for declared in slot.service.files:
            files = placed(declared, kept)
            key = (Kind.PUT_FILES, files.writable_path or files.digest)
            if key in self.steps[slot.host]:
                continue
            if declared.follows_git or leaves_git(declared, self.left_git):
                self._follow(slot, files, key, str(declared.writable_path))
            # An adopted directory already exists. Live files are also written for containers that stay, all others only
            # for new ones.
            elif (
                files is declared
                and (slot.is_new or files.live is not None)
                and not is_there(self.app, files, host)
            ):
                why = "seeds the data directory" if files.writable_path else "its content is not on the host"
                self.steps[slot.host][key] = (self._put_files(slot, files, why),)

    def _follow(self, slot: Slot, files: FileMount, key: tuple[Kind, str], git_path: str) -> None:
        """Update the files of a bind, and note those that are kept as the host has them.

        If the bind has not been read, because there is no image to read it with, only missing files are written.
        """
        work = work_on(self.world.observed, slot.host, self.app, files)
        if work is None:
            self.draft.unread.add((slot.host, query_of(self.app.key, files, git_path)))
            work = initial_files(self.app, files) if slot.is_new else FilesWork()
        for path, why in kept_notes(files, work).items():
            self.draft.hold(f"{path} on {slot.host}", why, self.app.key, kept=True)
        if work.needed:
            step = self._put_files(slot, files, work_reason(files, work), work)
            self.steps[slot.host][key] = (step,)

    def _put_files(self, slot: Slot, files: FileMount, why: str, work: FilesWork | None = None) -> str:
        image = slot.current.image_id if slot.current else slot.image
        return self.draft.add(
            PutFiles(files=files, image=image, work=work),
            slot.host,
            files.writable_path or files.digest,
            why,
            name=files.writable_path or f"{slot.service.name}:{files.target}",
            app=self.app.key,
            release=self.app.digest,
            after=self.pulls,
            service=slot.service.name,
            changes=() if work is None else file_changes(files, work),
        )


def _is_replaced(volume: Volume, slot: Slot, kept: Mapping[str, str]) -> bool:
    """Return whether another volume is mounted wherever a slot mounts this one."""
    entries = slot.service.compose.get("volumes") if kept else ()
    targets = [
        normal_target(str(entry.get("target", "")))
        for entry in (entries if isinstance(entries, (list, tuple)) else ())
        if isinstance(entry, Mapping) and entry.get("source") == volume.key
    ]
    return bool(targets) and kept.keys() >= set(targets)


def is_there(app: App, files: FileMount, host: HostIndex) -> bool:
    """Return whether a host has a file set's content, and containers were signalled; a data directory must be read."""
    if files.writable_path is not None and files.live is None:
        return False
    if (app.key, files.digest) not in host.file_sets:
        return False
    on_host = files.live is None or files.writable_path is not None
    return on_host or live_volume_name(app.key.project, str(files.live)) in host.volumes
