"""Whose is a network or a volume?

Its label names the app that created it, and cannot be changed.  Where that app left Git, or declares it no more, and
another app of Git declares one of that name, it is that app's from then on: it is not removed with the former one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Observation, ObservedHost, ObservedNetwork, ObservedVolume, UnknownHost
from gitops_orch.planner.world import World

_Object = TypeVar("_Object", ObservedNetwork, ObservedVolume)
_Declared = Mapping[str, set[AppKey]]  # by name: the apps that declare it as their own


def with_owners(world: World) -> Mapping[str, Observation]:
    """Return the observations of all hosts; each network and volume of ours has the owner that Git gives it now."""
    networks, volumes = _declared(world)
    return {
        name: seen if isinstance(seen, UnknownHost) else _with_owners(seen, networks, volumes, world)
        for name, seen in world.observed.items()
    }


def _declared(world: World) -> tuple[_Declared, _Declared]:
    """Return who declares each network and each volume, in the release that Git has or in the one that is chosen."""
    networks: dict[str, set[AppKey]] = defaultdict(set)
    volumes: dict[str, set[AppKey]] = defaultdict(set)
    for app in (*(each.app for each in world.chosen), *world.heads.values()):
        for network in app.networks:
            if not network.external:
                networks[network.name].add(app.key)
        for volume in app.volumes:
            if not volume.external:
                volumes[volume.name].add(app.key)
    return networks, volumes


def _with_owners(host: ObservedHost, networks: _Declared, volumes: _Declared, world: World) -> ObservedHost:
    return replace(
        host,
        networks=_passed_on(host.networks, networks, world),
        volumes=_passed_on(host.volumes, volumes, world),
    )


def _passed_on(objects: Iterable[_Object], declared: _Declared, world: World) -> tuple[_Object, ...]:
    return tuple(
        each
        if each.owner is None or each.name not in declared
        else replace(each, owner=_owner(each.owner, declared[each.name], world))
        for each in objects
    )


def _owner(creator: AppKey, declaring: set[AppKey], world: World) -> AppKey:
    """What an app that cannot be read declares is unknown: it keeps what it created."""
    return creator if creator in declaring or creator in world.broken else min(declaring)
