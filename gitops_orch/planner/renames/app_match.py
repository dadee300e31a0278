"""Decides which new app most likely is an app that left Git under another name.

Each old app is compared only with new apps that have something in common with it, and new apps with the same signature
are compared as one: a commit may rename thousands of apps.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.rules.ports import fixed_ports, ports_of
from gitops_orch.planner.inputs.former_slots import RemovedSlot
from gitops_orch.planner.inputs.world import TargetRelease
from gitops_orch.planner.renames.service_match import NewService, is_distinctive

_Mark = tuple[str, ...]  # a property by which a service is recognised under another name
_Signature = frozenset[frozenset[_Mark]]  # the marks of each service of an app
_STRONG = ("image", "name")  # marks of a service that kept its name and its image


class NewApps:
    """The new apps of a commit; each is the successor of at most one old app."""

    def __init__(self, new: Iterable[TargetRelease]) -> None:
        self._alike: dict[_Signature, dict[AppKey, TargetRelease]] = defaultdict(dict)
        self._having: dict[_Mark, set[_Signature]] = defaultdict(set)
        self._named: dict[str, list[TargetRelease]] = defaultdict(list)
        self._places: dict[AppKey, int] = {}
        for place, each in enumerate(new):
            self._add(place, each)

    def _add(self, place: int, chosen: TargetRelease) -> None:
        signature, key = _signature(chosen.app), chosen.app.key
        self._places[key] = place
        self._named[key.name].append(chosen)
        if signature not in self._alike:
            for mark in frozenset().union(*signature):
                self._having[mark].add(signature)
        self._alike[signature][key] = chosen

    def match(self, old: AppKey, there: Mapping[str, Sequence[RemovedSlot]]) -> TargetRelease | None:
        """Return the new app that most likely is the old one, whose slots are `there`; None if there is none.

        It is then no candidate for other old apps. It has at least half of all services, each recognised by its name
        and image, or by its data. Of several candidates, the one with the most common services is returned; in a tie,
        the one with the most names and images, then one of the same name, then the first.
        """
        common: Counter[_Signature] = Counter()
        strong: Counter[_Signature] = Counter()
        for slots in there.values():
            marks = set(_old_marks(slots))
            common.update(self._having_any(marks))
            strong.update(self._having_any(mark for mark in marks if mark[0] in _STRONG))
        likely = [
            (
                count,
                strong[signature],
                chosen.app.key.name == old.name,
                -self._places[chosen.app.key],
                signature,
                chosen,
            )
            for signature, count in common.items()
            if count * 2 >= max(len(there), len(signature))
            and (chosen := self._first(signature, old.name)) is not None
        ]
        if not likely:
            return None
        *_, signature, chosen = max(likely, key=lambda row: row[:4])
        del self._alike[signature][chosen.app.key]
        return chosen

    def _having_any(self, marks: Iterable[_Mark]) -> set[_Signature]:
        return set().union(*(self._having.get(mark, ()) for mark in marks))

    def _first(self, signature: _Signature, name: str) -> TargetRelease | None:
        """Return the first of the apps with a signature, preferably one of this name; None if all are taken."""
        alike = self._alike[signature]
        same_name = (each for each in self._named.get(name, ()) if each.app.key in alike)
        return next(same_name, None) or next(iter(alike.values()), None)


def _signature(app: App) -> _Signature:
    return frozenset(frozenset(_new_marks(NewService.of(app, service))) for service in app.services)


def _new_marks(new: NewService) -> Iterator[_Mark]:
    name = new.service.name
    yield from (("name", name), ("image", name, new.repository), ("anonymous", new.repository))
    ports = [(str(number), protocol) for _, number, protocol in fixed_ports(new.service)]
    yield from _data_marks(name, new.repository, new.targets, ports)


def _old_marks(slots: Sequence[RemovedSlot]) -> Iterator[_Mark]:
    for each in slots:
        yield ("image", each.service, each.repository) if each.repository else ("name", each.service)
        if each.inherited:
            yield ("anonymous", each.repository)
        held = ports_of(each.container) if each.container is not None else ()
        ports = [(str(number), protocol) for _, number, protocol in held]
        yield from _data_marks(each.service, each.repository, each.data or (), ports)


def _data_marks(
    name: str, repository: str, targets: Iterable[str], ports: Sequence[tuple[str, str]]
) -> Iterator[_Mark]:
    """Yield the marks of a service's data (see `service_match.py`)."""
    for target in targets:
        yield ("data", repository, target)
        if is_distinctive(target):
            yield ("place", name, target)
        yield from (("port", name, target, number, protocol) for number, protocol in ports)
