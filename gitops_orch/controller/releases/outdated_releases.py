"""Reads the declarations of outdated containers from the commits that their labels name.

It needs only labels and Git, so it works after the state was lost, too. A declaration is used only if the digest of its
release, or the hash of its container spec, proves that the container was created from it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import OwnedContainer, Ownership
from gitops_orch.planner.inputs.world import ContainerSpec, DeclaredService, FormerKey, TargetRelease


def previous_services(
    chosen: Iterable[TargetRelease],
    containers: Iterable[OwnedContainer],
    specs: Mapping[tuple[AppKey, str, str], ContainerSpec],
    repository: ConfigRepository,
    salt: str,
) -> Mapping[FormerKey, DeclaredService]:
    """Return outdated services as they were declared, by app, service and spec hash."""
    chosen = tuple(chosen)
    digests = {each.app.key: each.app.digest for each in chosen}
    unhashed = {(each.app.key, service.name) for each in chosen for service in _unhashed(each.app)}
    suspicious: dict[FormerKey, Ownership] = {}
    by_commit: dict[str, set[AppKey]] = defaultdict(set)
    for owner in (each.owner for each in containers if not is_retained(each)):
        digest = digests.get(owner.app)
        if digest is None or owner.release == digest:
            continue
        spec = specs.get((owner.app, digest, owner.service))
        if spec is None:
            continue
        if spec.hash != owner.spec_hash or (owner.app, owner.service) in unhashed:
            suspicious[(owner.app, owner.service, owner.spec_hash)] = owner
            by_commit[owner.commit].add(owner.app)
    for commit, apps in by_commit.items():
        repository.read_many(apps, commit)
    found = {
        key: _declared_by(owner, repository.app_at(owner.app, owner.commit), salt)
        for key, owner in suspicious.items()
    }
    return {key: created for key, created in found.items() if created is not None}


def _unhashed(app: App) -> Iterator[Service]:
    """Yield services that reload files, and whose hash does not show that a directory has no more files from Git."""
    for service in app.services:
        if service.reload and any(
            each.writable_path is not None and not each.entries for each in service.files
        ):
            yield service


def _declared_by(owner: Ownership, app: App | None, salt: str) -> DeclaredService | None:
    service = next((each for each in app.services if each.name == owner.service), None) if app else None
    if app is None or service is None:
        return None
    is_same_spec = app.digest == owner.release or spec_hash(app, service, salt=salt) == owner.spec_hash
    return DeclaredService(app=app, service=service) if is_same_spec else None
