"""The work of a plan grows with the fleet, and no faster: ten times the apps take ten times as long."""

from dataclasses import replace

import pytest
from lines_run import lines_run
from planner.builders import app, container, seen, service, with_fields, world

from gitops_orch.model.app import Network, Port
from gitops_orch.model.job import Hook
from gitops_orch.model.observed import ObservedNetwork, State, with_owner
from gitops_orch.planner.hooks.pre_start import pre_start_services
from gitops_orch.planner.inputs.world import ContainerSpec, DeclaredService
from gitops_orch.planner.plan import make_plan
from gitops_orch.planner.status import app_statuses

APPS = 12
LAN = Network(key="lan", name="lan", external=True)


def apps(count, make=service, name="app", **fields):
    """Apps of two services each."""
    return [
        app(f"{name}-{n}", make(f"a{n}"), make(f"b{n}"), digest=f"{name}-{n}", **fields) for n in range(count)
    ]


def running(these, **fields):
    return [container(each, s.name, image=s.image, **fields) for each in these for s in each.services]


def at_addresses(count):
    numbers = iter(range(1_000_000))

    def make(name):
        number = next(numbers)
        address = f"10.0.{number // 200}.{number % 200 + 2}"
        asked = {"ipv4_address": address} if name.startswith("a") else None
        return service(name, networks=("lan",), compose={"networks": {"lan": asked}})

    these = [replace(each, networks=(LAN,)) for each in apps(count, make)]
    return world(*these, observed={"h1": seen(networks=(ObservedNetwork(id="lan", name="lan"),))})


def moving_to_addresses(count):
    first = at_addresses(count)
    these = [each.app for each in first.releases.targets]
    there = running(these, spec="old", release="old", networks=("lan",))
    host = seen("h1", *there, networks=(ObservedNetwork(id="lan", name="lan"),))
    return with_fields(first, observed={"h1": host})


def prepared(count):
    these = apps(count, lambda name: service(name, pre_start=(Hook(command=("migrate",)),)))
    specs = {
        (each.key, each.digest, before.name): ContainerSpec(hash=before.name)
        for each in these
        for s in each.services
        for before in pre_start_services(s)
    }
    first = world(*these)
    return with_fields(first, specs={**first.specs.by_service, **specs})


def changed(count):
    these = apps(count)
    made = {
        (each.key, s.name, "old"): DeclaredService(app=each, service=s)
        for each in these
        for s in each.services
    }
    there = running(these, spec="old", release="old")
    return world(*these, observed={"h1": seen("h1", *there, apps=tuple(these))}, declared_services=made)


def renamed(count):
    old, new = apps(count), apps(count, name="new")
    host = seen("h1", *running(old), apps=tuple(old))
    return world(*new, observed={"h1": host}, never_stable=frozenset(each.key for each in new))


def renamed_of_one_stack(count):
    old, new = (
        [app(f"{name}-{n}", service("web"), service("db"), digest=f"{name}-{n}") for n in range(count)]
        for name in ("old", "new")
    )
    host = seen("h1", *running(old), apps=tuple(old))
    return world(*new, observed={"h1": host}, never_stable=frozenset(each.key for each in new))


def gone(count):
    these = apps(count)
    host = seen("h1", *running(these), apps=tuple(these))
    return world(observed={"h1": host}, accepted=True)


def taken_over(count):
    these = [
        app(f"app-{n}", service(container_name=f"c-{n}"), digest=f"app-{n}", adopt=True) for n in range(count)
    ]
    there = [replace(with_owner(each, None), project=None, labels={}) for each in running(these)]
    return world(*these, observed={"h1": seen("h1", *there, apps=tuple(these))})


def stopped(count):
    these = apps(count)
    return world(*these, observed={"h1": seen("h1", *running(these, state=State.EXITED), apps=tuple(these))})


def with_other_ports(count):
    """Apps that write data, and so stop first; each asks its Engine for its new port."""

    def fleet(first):
        numbers = iter(range(first, first + 2 * count))
        return apps(
            count,
            lambda name: service(name, ports=(Port(target=80, published=next(numbers)),), writable=True),
        )

    old, new = fleet(10_000), fleet(30_000)
    there = running(old, spec="old", release="old")
    return world(*new, observed={"h1": seen("h1", *there, apps=tuple(new))})


def with_dependents(count):
    """Apps of which each waits for the one before it, and of which a service left Git."""
    these = apps(count)
    these = [
        replace(each, depends_on=(these[n - 1].key,) if n else (), services=each.services[:1])
        for n, each in enumerate(these)
    ]
    there = running(apps(count), spec="old", release="old")
    return world(*these, observed={"h1": seen("h1", *there, apps=tuple(these))})


def joining_others(count):
    """Apps that join, by its name, a container of another app that is replaced."""
    gates = [app(f"gate-{n}", service("g", container_name=f"g-{n}"), digest=f"g-{n}") for n in range(count)]
    sides = [
        app(f"side-{n}", service("s", compose={"network_mode": f"container:g-{n}"}), digest=f"s-{n}")
        for n in range(count)
    ]
    there = [*running(gates, spec="old", release="old"), *running(sides)]
    return world(*gates, *sides, observed={"h1": seen("h1", *there, apps=(*gates, *sides))})


FLEETS = [
    joining_others,
    with_other_ports,
    with_dependents,
    at_addresses,
    moving_to_addresses,
    prepared,
    changed,
    renamed,
    renamed_of_one_stack,
    gone,
    taken_over,
    stopped,
]


def work(fleet):
    return lines_run(lambda: app_statuses(fleet, make_plan(fleet)))


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda fleet: fleet.__name__)
def test_each_app_more_costs_as_much_as_the_one_before_it(fleet):
    work(fleet(3 * APPS))  # fills the caches
    small, middle, large = (work(fleet(times * APPS)) for times in (1, 2, 3))
    assert large - middle <= 1.03 * (middle - small)
