"""Decides which new service had another name or belonged to another app, if its app as a whole was not renamed.

Several services that move between two apps count together: a service gets an app of its own, or two apps become one. An
app that is clearly new has more services of its own than it shares with one that left.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.planner.inputs.declared_mounts import MountSource
from gitops_orch.planner.inputs.former_slots import RemovedSlot, ServiceKey
from gitops_orch.planner.renames.service_match import NewService, is_same_service, shares_volume

_Old = Sequence[RemovedSlot]


@dataclass(frozen=True, slots=True)
class Pair:
    """A new service and its former slots. Without `is_same_service`, it only mounts the same volume."""

    new: NewService
    old: _Old
    is_same_service: bool


def moved_services(
    new: Sequence[NewService],
    old: Mapping[ServiceKey, _Old],
    chosen: Collection[AppKey],
    is_new: Callable[[AppKey], bool],
) -> Iterator[Pair]:
    """Yield the pairs, each service once. `chosen` are the apps in Git; `is_new` decides which apps run nowhere yet."""
    taken: set[ServiceKey] = set()
    rest: list[NewService] = []
    by_app: dict[AppKey, list[_Old]] = defaultdict(list)
    for key, slots in old.items():
        by_app[key[0]].append(slots)
    for each in new:
        pair = _best(each, [slots for slots in by_app.get(each.app.key, ()) if slots[0].key not in taken])
        if pair is None:
            rest.append(each)
        else:
            taken.add(pair.old[0].key)
            yield pair
    yield from _between_apps(
        rest, {key: slots for key, slots in old.items() if key not in taken}, chosen, is_new
    )


def _best(new: NewService, candidates: Iterable[_Old]) -> Pair | None:
    """Return the most likely former slots, if there are any.

    The same service with the same volume is preferred, then the same service, then the same volume.
    """
    ranked = [(is_same_service(new, slots), shares_volume(new, slots), slots) for slots in candidates]
    best = max((row for row in ranked if row[0] or row[1]), key=lambda row: row[:2], default=None)
    return None if best is None else Pair(new, best[2], best[0])


def _between_apps(
    new: Iterable[NewService],
    old: Mapping[ServiceKey, _Old],
    chosen: Collection[AppKey],
    is_new: Callable[[AppKey], bool],
) -> Iterator[Pair]:
    by_mark: dict[str, list[_Old]] = defaultdict(list)
    services: dict[AppKey, int] = defaultdict(int)
    for (key, _), slots in old.items():
        services[key] += 1
        for mark in {mark for each in slots for mark in _marks(each)}:
            by_mark[mark].append(slots)
    likely: dict[tuple[AppKey, AppKey], list[Pair]] = defaultdict(list)
    for each in new:
        volumes = [mount.value for mount in each.mounts.values() if mount.source is MountSource.NAMED]
        candidates = {
            slots[0].key: slots
            for mark in (f"image {each.repository}", *volumes)
            for slots in by_mark.get(mark, ())
            if slots[0].app != each.app.key
        }
        pair = _best(each, candidates.values())
        if pair is not None:
            likely[pair.old[0].app, each.app.key].append(pair)
    taken: set[ServiceKey] = set()
    for (former, app), pairs in likely.items():
        removed, is_new_service = former not in chosen, is_new(app)
        enough = _are_enough(pairs, services[former], removed=removed, new=is_new_service)
        for pair in pairs:
            same_name = pair.new.service.name == pair.old[0].service
            both_stay = not removed and not is_new_service
            likely_moved = enough or not pair.is_same_service or (both_stay and same_name)
            if likely_moved and pair.old[0].key not in taken:
                taken.add(pair.old[0].key)
                yield pair


def _marks(slot: RemovedSlot) -> Iterator[str]:
    yield f"image {slot.repository}"
    yield from (source for source in (slot.data or {}).values() if not source.startswith("/"))


def _are_enough(pairs: Sequence[Pair], old_count: int, *, removed: bool, new: bool) -> bool:
    """Return whether so many services move from one app to another that the two are not different apps."""
    count = sum(pair.is_same_service for pair in pairs)
    new_count = len(pairs[0].new.app.services)
    if removed and new:
        return count * 2 > new_count
    if removed:
        return count * 2 >= old_count
    return new and count * 2 >= new_count
