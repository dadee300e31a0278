"""Which new app is likeliest the one that left Git under another name?

Each old app is compared only with new apps that have a service of it with the same image, and new apps with the same
services and images are compared as one: a commit may rename thousands of apps.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gitops_orch.model.app import App, AppKey
from gitops_orch.planner.images import repository_of
from gitops_orch.planner.index import Located
from gitops_orch.planner.world import Chosen

_Signature = frozenset[tuple[str, str]]  # of each service of an app its name and the repository of its image


class Newcomers:
    """The new apps of a commit; each is the successor of at most one old app."""

    def __init__(self, new: Iterable[Chosen]) -> None:
        self._alike: dict[_Signature, dict[AppKey, Chosen]] = defaultdict(dict)
        self._having: dict[str, dict[str, set[_Signature]]] = defaultdict(lambda: defaultdict(set))
        self._named: dict[str, list[Chosen]] = defaultdict(list)
        self._places: dict[AppKey, int] = {}
        for place, each in enumerate(new):
            self._add(place, each)

    def _add(self, place: int, chosen: Chosen) -> None:
        signature, key = _signature(chosen.app), chosen.app.key
        self._places[key] = place
        self._named[key.name].append(chosen)
        if signature not in self._alike:
            for service, repository in signature:
                self._having[service][repository].add(signature)
        self._alike[signature][key] = chosen

    def take_likeliest(self, old: AppKey, there: Mapping[str, Sequence[Located]]) -> Chosen | None:
        """Return the new app with most services of the old one, by `there`; it is no candidate for others then.

        It has at least half of all services, each of the same image.  Of several, one of the same name is returned, else
        the first.
        """
        common: Counter[_Signature] = Counter()
        for service, containers in there.items():
            common.update(self._having_one(service, containers))
        likely = [
            (count, chosen.app.key.name == old.name, -self._places[chosen.app.key], signature, chosen)
            for signature, count in common.items()
            if count * 2 >= max(len(there), len(signature))
            and (chosen := self._first(signature, old.name)) is not None
        ]
        if not likely:
            return None
        *_, signature, chosen = max(likely, key=lambda row: row[:3])
        del self._alike[signature][chosen.app.key]
        return chosen

    def _having_one(self, service: str, containers: Iterable[Located]) -> set[_Signature]:
        """Return the signatures with a service of the image of one of its containers; an image id may be any image."""
        by_repository = self._having.get(service, {})
        repositories = {repository_of(found.container.image) for found in containers}
        wanted = by_repository if "" in repositories else repositories
        return set().union(*(by_repository.get(each, ()) for each in wanted))

    def _first(self, signature: _Signature, name: str) -> Chosen | None:
        """Return the first of the apps that are alike, of this name if there is one; None where all are taken."""
        alike = self._alike[signature]
        same_name = (each for each in self._named.get(name, ()) if each.app.key in alike)
        return next(same_name, None) or next(iter(alike.values()), None)


def _signature(app: App) -> _Signature:
    return frozenset((service.name, repository_of(service.image)) for service in app.services)
