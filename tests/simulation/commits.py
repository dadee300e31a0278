"""Random commits: derives the next tree from the previous one, as people change their repositories."""

import random
from collections.abc import Callable
from dataclasses import replace

from simulation.recipes import BAD, BAD_HOOKS, DEAF, GOOD, AppRecipe, HostRecipe, ServiceRecipe, TreeRecipe
from simulation.swaps import swap_ports, without_clashes

NAMES = ("shop", "blog", "mail", "wiki", "auth")
SERVICES = ("web", "worker", "db")
ZONES = ("a", "b")
GOOD_HOOKS = (
    ("pre_start", "true"),
    ("pre_start", "sleep 2"),
    ("post_start", "true"),
    ("post_start", "sleep 1"),
    ("pre_stop", "true"),
    ("pre_stop", "false"),  # is recorded and has no other effect
)

Edit = Callable[[random.Random, TreeRecipe], TreeRecipe]


def first_tree(rng: random.Random) -> TreeRecipe:
    hosts = tuple(
        HostRecipe(name=f"h{number}", zone=rng.choice(ZONES)) for number in range(1, rng.randint(1, 3) + 1)
    )
    tree = TreeRecipe(apps=(), hosts=hosts)
    for _ in range(rng.randint(1, 3)):
        tree = add_app(rng, tree)
    return tree


def next_tree(rng: random.Random, tree: TreeRecipe, past: list[TreeRecipe]) -> TreeRecipe:
    """One commit: usually one edit, sometimes several, sometimes a revert."""
    if past and rng.random() < 0.15:
        return replace(rng.choice(past), message="revert")
    tree = replace(tree, unreadable=False, message="")
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        edits, weights = zip(*EDITS, strict=True)
        (edit,) = rng.choices(edits, weights)
        tree = edit(rng, tree)
    return tree


def a_service(rng: random.Random, name: str, *, alone: bool) -> ServiceRecipe:
    everywhere = alone and rng.random() < 0.15
    exclusive = not everywhere and rng.random() < 0.25
    volume = not everywhere and rng.random() < 0.25
    single = exclusive or volume or everywhere
    return ServiceRecipe(
        name=name,
        image=rng.choice(GOOD),
        value=rng.randint(0, 3),
        replicas=1 if single else rng.choice((1, 1, 2, 3)),
        everywhere=everywhere,
        volume=volume,
        container_name=exclusive and rng.random() < 0.3,
        restart=rng.choice(("unless-stopped", "always", "no", "on-failure:3")),
        memory_mb=rng.choice((0, 0, 64)),
        order=rng.choice((None, None, None, "start-first", "stop-first")),
        second_network=rng.random() < 0.2,
        file_version=rng.choice((0, 0, 0, 1)),
        spread=alone and rng.random() < 0.2,
        parallelism=rng.choice((1, 1, 1, 2, 0)),
        failure_ratio=rng.choice((0.0, 0.0, 0.0, 0.5)),
        failure_action=rng.choice(("rollback", "rollback", "rollback", "rollback", "pause", "continue")),
        probe=rng.random() < 0.3,
    )


def add_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    free = [name for name in NAMES if tree.app(name) is None]
    if not free:
        return tree
    name = rng.choice(free)
    count = rng.choice((1, 1, 2, 3))
    services = [a_service(rng, each, alone=count == 1) for each in SERVICES[:count]]
    if count > 1 and rng.random() < 0.4:
        services[0] = replace(services[0], needs=services[1].name)
    if count > 1 and rng.random() < 0.15:
        services[0] = replace(
            services[0], shares=services[1].name, second_network=False, replicas=1, port=None
        )
        services[1] = replace(services[1], replicas=1)
    if count > 1 and rng.random() < 0.15:
        services[1] = ServiceRecipe(
            name=services[1].name, image="job:1", scheduled=True, value=rng.randint(0, 3)
        )
        services[0] = replace(services[0], needs=None, shares=None)
    elif count > 1 and rng.random() < 0.1:
        services[1] = ServiceRecipe(
            name=services[1].name,
            image="job:1",
            job=True,
            batch=True,
            replicas=rng.choice((1, 2)),
            restart="no",
        )
        services[0] = replace(services[0], needs=rng.choice((None, services[1].name)), shares=None)
    services = [_hooked(rng, service) for service in services]
    if count > 2 and rng.random() < 0.3:
        services[2] = ServiceRecipe(name="migrate", image="job:1", job=True, restart="no")
        services[0] = replace(services[0], needs="migrate")
    app = AppRecipe(
        name=name,
        services=tuple(services),
        rollback=rng.choice(("auto", "auto", "auto", "auto", "hold", "off")),
        surge=rng.choice((None, None, 0, 1, 2)),
        unavailable=rng.choice((None, None, 1, 1, 2)),  # not 0: with a surge of 0, the loader refuses it
        canary=rng.choice((0, 0, 0, 1)),
        promote=rng.random() < 0.7,
    )
    return _with_apps(tree, (*tree.apps, _with_ports(rng, app, tree)))


def _hooked(rng: random.Random, service: ServiceRecipe) -> ServiceRecipe:
    if service.scheduled or rng.random() < 0.6:
        return service
    hooks = GOOD_HOOKS if not service.job else tuple(hook for hook in GOOD_HOOKS if hook[0] != "post_start")
    return replace(service, hooks=tuple(rng.sample(hooks, rng.choice((1, 1, 2, 3)))))


def change_hooks(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return _edit_service(rng, tree, lambda service: _hooked(rng, replace(service, hooks=())))


def break_hooks(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Add a failing hook: it takes effect with the next new container. A failing `pre_stop` is tolerated."""
    hook = rng.choice(BAD_HOOKS)

    def broken(service: ServiceRecipe) -> ServiceRecipe:
        if service.scheduled or (service.job and hook[0] == "post_start"):
            return service
        return replace(service, hooks=(*service.hooks, hook), value=service.value + rng.choice((0, 1)))

    return _edit_service(rng, tree, broken)


def remove_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    if not tree.apps:
        return tree
    removed = rng.choice(tree.apps)
    return _with_apps(tree, tuple(app for app in tree.apps if app != removed))


def remove_everything(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return _with_apps(tree, ())


def change_value(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return _edit_service(rng, tree, lambda service: replace(service, value=service.value + 1))


def change_image(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    image = rng.choice(GOOD)
    return _edit_service(rng, tree, lambda s: s if s.job or s.scheduled else replace(s, image=image))


def break_image(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    image = rng.choice((*BAD, DEAF))
    return _edit_service(rng, tree, lambda service: replace(service, image=image))


def repair_images(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    apps = tuple(replace(app, services=tuple(map(_repaired, app.services))) for app in tree.apps)
    return _with_apps(tree, apps)


def _repaired(service: ServiceRecipe) -> ServiceRecipe:
    service = replace(service, hooks=tuple(hook for hook in service.hooks if hook not in BAD_HOOKS))
    if service.image not in (*BAD, DEAF):
        return service
    return replace(service, image="job:1" if service.job or service.scheduled else "good:1")


def scale(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    wanted = rng.randint(1, 4)

    def scaled(service: ServiceRecipe) -> ServiceRecipe:
        single = (
            service.port,
            service.container_name,
            service.volume,
            service.directory,
            service.everywhere,
            service.shares,
            service.job,
            service.scheduled,
        )
        return service if any(single) else replace(service, replicas=wanted)

    return _edit_service(rng, tree, scaled)


def change_limits(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    memory_mb = rng.choice((0, 32, 128))
    return _edit_service(rng, tree, lambda service: replace(service, memory_mb=memory_mb))


def change_network(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return _edit_service(
        rng,
        tree,
        lambda s: s if s.shares else replace(s, second_network=not s.second_network),
    )


def change_file(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return _edit_service(rng, tree, lambda service: replace(service, file_version=service.file_version + 1))


def add_or_drop_service(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    def edited(app: AppRecipe) -> AppRecipe:
        if len(app.services) > 1:
            removed = app.services[-1].name
            rest = (_without(service, removed) for service in app.services[:-1])
            return replace(app, services=tuple(rest))
        alone = app.services[0]
        if alone.everywhere or alone.spread:
            return app
        name = next(name for name in (*SERVICES, "cron") if name != alone.name)
        return replace(app, services=(alone, a_service(rng, name, alone=False)))

    return _edit_app(rng, tree, edited)


def _without(service: ServiceRecipe, removed: str) -> ServiceRecipe:
    return replace(
        service,
        needs=None if service.needs == removed else service.needs,
        shares=None if service.shares == removed else service.shares,
    )


def move_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    names = [host.name for host in tree.hosts]
    hosts = tuple(sorted(rng.sample(names, rng.randint(0, len(names)))))
    return _edit_app(rng, tree, lambda app: replace(app, hosts=hosts, zone=None))


def constrain_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    zone = rng.choice((*ZONES, None))
    return _edit_app(rng, tree, lambda app: replace(app, zone=zone, hosts=()))


def touch_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Change a label of the app: this creates another release and changes no container."""
    return _edit_app(rng, tree, lambda app: replace(app, label=app.label + 1))


def touched(tree: TreeRecipe, names: set[str]) -> TreeRecipe:
    """Change the apps of these names, so that their failed releases are replaced by new ones."""

    def touch(app: AppRecipe) -> AppRecipe:
        first, *rest = app.services
        return replace(app, services=(replace(first, value=first.value + 1), *rest))

    return replace(tree, apps=tuple(touch(app) if app.name in names else app for app in tree.apps))


def change_rollout(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Change rollout settings; these change no container."""
    surge, canary, promote = rng.choice((None, 0, 1, 3)), rng.choice((0, 1, 2)), rng.random() < 0.5
    tree = _edit_app(rng, tree, lambda app: replace(app, surge=surge, canary=canary, promote=promote))
    parallelism = rng.choice((0, 1, 2))
    return _edit_service(rng, tree, lambda service: replace(service, parallelism=parallelism))


def change_host(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    chosen = rng.choice(tree.hosts)
    availability = rng.choice(("active", "active", "pause", "drain"))
    hosts = (replace(h, availability=availability) if h == chosen else h for h in tree.hosts)
    return replace(tree, hosts=tuple(hosts))


def add_host(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    if len(tree.hosts) >= 4:
        return tree
    taken = {host.name for host in tree.hosts}
    name = next(name for name in ("h1", "h2", "h3", "h4") if name not in taken)
    return replace(tree, hosts=(*tree.hosts, HostRecipe(name=name, zone=rng.choice(ZONES))))


def remove_host(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Delete a host's document while containers may run on it."""
    if len(tree.hosts) < 2:
        return tree
    removed = rng.choice(tree.hosts)
    hosts = tuple(host for host in tree.hosts if host != removed)
    apps = tuple(replace(a, hosts=tuple(name for name in a.hosts if name != removed.name)) for a in tree.apps)
    return replace(_with_apps(tree, apps), hosts=hosts)


def depend_on_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Let an app depend on another one with a smaller name; this excludes cycles."""
    needed = rng.choice((None, *(app.name for app in tree.apps)))
    return _edit_app(
        rng, tree, lambda app: replace(app, needs=needed if needed and needed < app.name else None)
    )


def reuse_app(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    """Let an app extend a service of another app, whose file stays an app."""
    other = rng.choice((None, *(app.name for app in tree.apps)))
    return _edit_app(rng, tree, lambda app: replace(app, reuses=other if other != app.name else None))


def break_file(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    if not tree.apps:
        return tree
    return replace(tree, broken=tree.broken | {rng.choice(tree.apps).name})


def repair_files(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return replace(tree, broken=frozenset())


def break_hosts(rng: random.Random, tree: TreeRecipe) -> TreeRecipe:
    return replace(tree, unreadable=True)


def settle(rng: random.Random, past: list[TreeRecipe]) -> TreeRecipe:
    """The last commit with all mistakes repaired and all hosts active: the state that a fleet must reach in the end."""
    tree = past[-1] if past[-1].apps else add_app(rng, past[-1])
    ever = {host.name: host for each in past for host in each.hosts}
    hosts = tuple(replace(ever[name], availability="active") for name in sorted(ever))
    tree = replace(tree, hosts=hosts, broken=frozenset(), unreadable=False)
    apps = tuple(
        replace(app, hosts=(), zone=None, promote=True, reuses=None) for app in repair_images(rng, tree).apps
    )
    return _with_apps(tree, without_clashes(apps))


EDITS: tuple[tuple[Edit, int], ...] = (
    (add_app, 10),
    (swap_ports, 5),
    (remove_app, 4),
    (remove_everything, 1),
    (change_value, 14),
    (change_image, 10),
    (break_image, 8),
    (change_hooks, 4),
    (break_hooks, 4),
    (repair_images, 6),
    (scale, 8),
    (change_limits, 3),
    (change_network, 3),
    (change_file, 4),
    (add_or_drop_service, 5),
    (move_app, 5),
    (constrain_app, 3),
    (touch_app, 2),
    (change_rollout, 4),
    (change_host, 4),
    (add_host, 2),
    (remove_host, 1),
    (depend_on_app, 3),
    (reuse_app, 3),
    (break_file, 3),
    (repair_files, 4),
    (break_hosts, 1),
)


def _with_apps(tree: TreeRecipe, apps: tuple[AppRecipe, ...]) -> TreeRecipe:
    names = {app.name for app in apps}
    apps = tuple(replace(app, needs=app.needs if app.needs in names else None) for app in apps)
    return replace(tree, apps=apps, broken=tree.broken & names)


def _edit_app(rng: random.Random, tree: TreeRecipe, edit: Callable[[AppRecipe], AppRecipe]) -> TreeRecipe:
    if not tree.apps:
        return add_app(rng, tree)
    chosen = rng.choice(tree.apps)
    return _with_apps(tree, tuple(edit(app) if app == chosen else app for app in tree.apps))


def _edit_service(
    rng: random.Random, tree: TreeRecipe, edit: Callable[[ServiceRecipe], ServiceRecipe]
) -> TreeRecipe:
    def edited(app: AppRecipe) -> AppRecipe:
        chosen = rng.choice(app.services)
        return replace(app, services=tuple(edit(s) if s == chosen else s for s in app.services))

    return _edit_app(rng, tree, edited)


def _with_ports(rng: random.Random, app: AppRecipe, tree: TreeRecipe) -> AppRecipe:
    """Give an app's first service a port that no other app has: the loader would refuse a duplicate."""
    first = app.services[0]
    if first.replicas > 1 or first.shares or first.job or rng.random() < 0.6:
        return app
    taken = {service.port for each in tree.apps for service in each.services}
    port = next(port for port in range(8001, 8100) if port not in taken)
    return replace(app, services=(replace(first, port=port), *app.services[1:]))
