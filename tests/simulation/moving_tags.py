"""Tags that are pushed again, and services that follow their tag (`pull_policy: always`)."""

import random
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace

from simulation.recipes import GOOD, IMAGES, AppRecipe, ServiceRecipe, TreeRecipe

from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX

ALWAYS = "always"


@dataclass
class MovingTags:
    """Pushes tags again, and gives services their policy; does nothing unless `enabled`."""

    rng: random.Random  # a separate one: no other choice of a history depends on it
    enabled: bool = False
    count: int = 0  # pushes

    def ask(self, tree: TreeRecipe, *, likely: float = 0.4) -> TreeRecipe:
        """Give a service of each app, now and then, `pull_policy: always`."""
        if not self.enabled:
            return tree
        return replace(
            tree, apps=tuple(self._asked(app) if self.rng.random() < likely else app for app in tree.apps)
        )

    def _asked(self, app: AppRecipe) -> AppRecipe:
        chosen = self.rng.choice(app.services)
        services = (replace(s, pull_policy=ALWAYS) if s == chosen else s for s in app.services)
        return replace(app, services=tuple(services))

    def push(self, registry: Registry, *, likely: float = 0.3) -> None:
        """Push images again: other bytes behind the same tag, with the same behaviour."""
        for reference in GOOD if self.enabled else ():
            if self.rng.random() < likely:
                self.count += 1
                values = asdict(IMAGES[reference]) | {"variant": f"push {self.count}"}
                registry.push(reference, ImageBehaviour(**values))


def outdated(tree: TreeRecipe, fleet: SimulatedFleet, but: Collection[str]) -> list[str]:
    """Return the containers with other bytes than their tag has now, although their service follows it.

    Apps named in `but` are skipped: they are held.
    """
    apps = [app for app in tree.apps if app.name not in but]
    asking = {(app.key, s.name): s for app in apps for s in app.services if _follows_its_tag(s)}
    return [
        f"{name} runs other bytes than {service.image} names"
        for name, key, image_id in _running(tree, fleet)
        if (service := asking.get(key)) is not None and image_id != fleet.registry.find(service.image).id
    ]


def _follows_its_tag(service: ServiceRecipe) -> bool:
    return service.pull_policy == ALWAYS and not (service.job or service.batch or service.scheduled)


def _running(tree: TreeRecipe, fleet: SimulatedFleet) -> Iterator[tuple[str, tuple, str]]:
    for host in tree.hosts:
        world = fleet.worlds.get(host.name)
        for each in world.containers.values() if world is not None else ():
            if each.owner is not None and not each.name.endswith((FAILED_SUFFIX, RETAINED_SUFFIX)):
                yield f"{each.name} on {host.name}", (each.owner.app, each.owner.service), each.image_id
