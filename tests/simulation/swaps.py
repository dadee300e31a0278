"""Edits that pass ports from one app to another in one commit."""

import random
from dataclasses import replace

from simulation.recipes import AppRecipe, TreeRecipe


def swap_ports(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Exchange the ports of two apps in one commit; an app without a port takes the port of the other."""
    if len(tree.apps) < 2:
        return tree
    one, two = rng.sample(tree.apps, 2)
    ports = {one.name: two.services[0].port, two.name: one.services[0].port}

    def swapped(app: AppRecipe) -> AppRecipe:
        first, *rest = app.services
        plain = first.replicas == 1 and not first.shares and not first.everywhere and not first.scheduled
        port = ports.get(app.name, first.port) if plain else first.port
        return replace(app, services=(replace(first, port=port), *rest))

    apps = tuple(map(swapped, tree.apps))
    held = [service.port for app in apps for service in app.services if service.port is not None]
    return replace(tree, apps=apps) if len(held) == len(set(held)) else tree


def without_clashes(apps: tuple[AppRecipe, ...]) -> tuple[AppRecipe, ...]:
    """Remove duplicate ports: apps with one port on different hosts may meet on one host now; the first keeps it."""
    taken: set[int] = set()
    found = []
    for app in apps:
        services = tuple(replace(s, port=None) if s.port in taken else s for s in app.services)
        taken |= {service.port for service in services if service.port is not None}
        found.append(replace(app, services=services))
    return tuple(found)
