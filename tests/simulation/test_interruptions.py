"""A controller crashes before or after any request of a plan; the next controller finishes the work.

Every interruption is tried: one for each request that the change from one commit to the next takes.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from simulation.history import Stage, calm_down
from simulation.oracle import app_differences, differences
from simulation.recipes import BAD_HOOKS, AppRecipe, HostRecipe, ServiceRecipe, TreeRecipe
from simulation.repository import without_yaml
from simulation.weather import crash_now

from gitops_orch.engine.simulated.faults import Fault

REQUESTS_MAX = 60

WEB = ServiceRecipe(name="web", replicas=2, file_version=1)
DB = ServiceRecipe(name="db", image="good:2", volume=True)
SHOP = AppRecipe(name="shop", services=(replace(WEB, needs="db"), DB))
BLOG = AppRecipe(name="blog", services=(ServiceRecipe(name="web", port=8001, second_network=True),))
MAIL = AppRecipe(
    name="mail",
    services=(ServiceRecipe(name="web", shares="worker"), ServiceRecipe(name="worker", image="good:2")),
)
TREE = TreeRecipe(
    apps=(SHOP, BLOG, MAIL), hosts=(HostRecipe(name="h1", zone="a"), HostRecipe(name="h2", zone="b"))
)
HOOKS = (("pre_start", "true"), ("pre_start", "sleep 2"), ("post_start", "true"), ("pre_stop", "false"))
MIGRATE = ServiceRecipe(name="migrate", image="job:1", job=True, restart="no")
MIGRATE_2 = replace(MIGRATE, value=2)
MIGRATED = AppRecipe(name="shop", services=(MIGRATE, ServiceRecipe(name="web", needs="migrate")))
NOTHING = replace(TREE, apps=(AppRecipe(name="first", services=(ServiceRecipe(name="web"),)),))


def changed(app: AppRecipe, service: str, **fields) -> TreeRecipe:
    """The tree with one changed service of one app."""
    services = tuple(replace(each, **fields) if each.name == service else each for each in app.services)
    apps = tuple(replace(each, services=services) if each == app else each for each in TREE.apps)
    return replace(TREE, apps=apps)


def both(bad: str, good: str) -> TreeRecipe:
    """The tree with an app of which one service fails and another one has changed."""
    services = tuple(
        replace(each, image="crash:1") if each.name == bad else replace(each, value=9)
        for each in SHOP.services
        if each.name in {bad, good}
    )
    return replace(TREE, apps=(replace(SHOP, services=services), BLOG, MAIL))


def ruled(*, value: int = 0, image: str = "good:1", **rules) -> TreeRecipe:
    """The tree with other rollout settings for one app."""
    web = replace(WEB, replicas=3, value=value, image=image, needs="db")
    shop = replace(SHOP, services=(web, DB), **rules)
    return replace(TREE, apps=tuple(shop if each == SHOP else each for each in TREE.apps))


WAYS: dict[str, tuple[TreeRecipe, TreeRecipe]] = {
    "first deploy": (NOTHING, replace(TREE, apps=(*TREE.apps, *NOTHING.apps))),
    "start-first update": (TREE, changed(SHOP, "web", value=9)),
    "stop-first update": (TREE, changed(SHOP, "db", value=9)),
    "update behind a port": (TREE, changed(BLOG, "web", value=9)),
    "new image": (TREE, changed(SHOP, "web", image="healthy:1")),
    "new files": (TREE, changed(SHOP, "web", file_version=2)),
    "scaling up": (TREE, changed(SHOP, "web", replicas=4)),
    "scaling down": (TREE, changed(SHOP, "web", replicas=1)),
    "another network": (TREE, changed(BLOG, "web", second_network=False)),
    "a shared network": (TREE, changed(MAIL, "worker", value=9)),
    "container_name": (TREE, changed(BLOG, "web", container_name=True)),
    "a service leaves": (TREE, replace(TREE, apps=(replace(SHOP, services=(WEB,)), BLOG, MAIL))),
    "an app leaves": (TREE, replace(TREE, apps=(SHOP, MAIL))),
    "moving": (
        replace(TREE, apps=(SHOP, replace(BLOG, zone="a"), MAIL)),
        replace(TREE, apps=(SHOP, replace(BLOG, zone="b"), MAIL)),
    ),
    "hooks": (
        changed(BLOG, "web", hooks=HOOKS),
        changed(BLOG, "web", hooks=HOOKS, value=9),
    ),
    "hooks of what starts first": (
        changed(SHOP, "web", hooks=HOOKS),
        changed(SHOP, "web", hooks=HOOKS, value=9),
    ),
    "a one-shot": (
        replace(TREE, apps=(MIGRATED, BLOG)),
        replace(TREE, apps=(replace(MIGRATED, services=(MIGRATE_2, MIGRATED.services[1])), BLOG)),
    ),
    "all at once": (
        changed(SHOP, "web", parallelism=0, replicas=3),
        changed(SHOP, "web", parallelism=0, replicas=3, value=9),
    ),
    "waves of two": (
        changed(SHOP, "web", parallelism=2, replicas=3),
        changed(SHOP, "web", parallelism=2, replicas=3, value=9),
    ),
    "no surge": (ruled(surge=0, unavailable=2), ruled(surge=0, unavailable=2, value=9)),
    "a surge": (ruled(surge=2), ruled(surge=2, value=9)),
    "a canary": (ruled(canary=1), ruled(canary=1, value=9)),
    "stop-first by word": (
        changed(SHOP, "web", order="stop-first"),
        changed(SHOP, "web", order="stop-first", value=9),
    ),
    "start-first by word": (
        changed(SHOP, "db", order="start-first"),
        changed(SHOP, "db", order="start-first", value=9),
    ),
    "back from a bad release": (changed(SHOP, "web", image="crash:1"), TREE),
}

Interruption = Callable[[Stage, int], None]


def dies_before(stage: Stage, number: int) -> None:
    stage.monitor.at_request[number] = [crash_now]


def dies_after(stage: Stage, number: int) -> None:
    stage.monitor.after_request[number] = [crash_now]


def loses_the_reply(stage: Stage, number: int) -> None:
    stage.faults.enabled = True
    stage.monitor.at_request[number] = [lambda: stage.faults.chances.__setitem__(Fault.LOST_REPLY, 1.0)]
    stage.monitor.after_request[number] = []
    stage.monitor.at_request[number + 1] = [stage.faults.chances.clear]


def dies_and_forgets(stage: Stage, number: int) -> None:
    """The controller crashes, and its state directory is lost."""
    stage.monitor.after_request[number] = [crash_now]


def went(way: tuple[TreeRecipe, TreeRecipe], interrupt: Interruption, number: int) -> tuple[Stage, bool]:
    """Return the stage after a change that was interrupted at its n-th request, and whether that request happened."""
    before, after = way
    stage = Stage(random.Random(number))
    stage.commit(before)
    calm_down(stage)
    stage.commit(after)
    at = stage.monitor.request_count + number
    interrupt(stage, at)
    stage.run()
    there = stage.monitor.request_count >= at
    stage.faults.enabled = False
    if interrupt is dies_and_forgets and there:
        stage.lose_state()
    calm_down(stage)
    return stage, there


def interrupted(way: tuple[TreeRecipe, TreeRecipe], interrupt: Interruption, number: int) -> bool:
    """Check a change that is interrupted at its n-th request; return whether that request happened."""
    stage, there = went(way, interrupt, number)
    after = way[1]
    wrong = differences(after, stage.fleet)
    wrong += _ungreeted(stage) if interrupt is not dies_and_forgets else []
    assert not wrong, f"{interrupt.__name__} at request {number}: {wrong}"
    return there


def _ungreeted(stage: Stage) -> list[str]:
    """Running containers that miss a `post_start` command; after a crash, only history knows which commands ran."""
    recipes = {app.key: app for app in stage.repository.head_tree.apps}
    return [
        f"{container.name} was not greeted"
        for world in stage.fleet.worlds.values()
        for container in world.containers.values()
        if container.up and container.owner is not None
        for service in recipes[container.owner.app].services
        if service.name == container.owner.service
        for key, command in service.hooks
        if key == "post_start" and command not in container.commands
    ]


def bad_elsewhere() -> AppRecipe:
    """An app that moves to the other host and fails there."""
    web = replace(BLOG.services[0], image="crash:1")
    return replace(BLOG, zone="b", services=(web,))


BAD_WAYS: dict[str, tuple[TreeRecipe, TreeRecipe]] = {
    "start-first": (TREE, changed(SHOP, "web", image="sick:1")),
    "stop-first": (TREE, changed(SHOP, "db", image="crash:1")),
    "behind a port": (TREE, changed(BLOG, "web", image="crash:1")),
    "with others that do well": (TREE, both("web", "db")),
    "a canary": (ruled(canary=1), ruled(canary=1, image="oom:1")),
    "no surge": (ruled(surge=0, unavailable=2), ruled(surge=0, unavailable=2, image="crash:1")),
    "a surge": (ruled(surge=2), ruled(surge=2, image="crash:1")),
    "a command before": (
        changed(BLOG, "web", hooks=HOOKS),
        changed(BLOG, "web", hooks=BAD_HOOKS[:1], value=9),
    ),
    "a command after": (
        changed(SHOP, "web", hooks=HOOKS),
        changed(SHOP, "web", hooks=BAD_HOOKS[1:2], value=9),
    ),
    "moving": (
        replace(TREE, apps=(SHOP, replace(BLOG, zone="a"), MAIL)),
        replace(TREE, apps=(SHOP, bad_elsewhere(), MAIL)),
    ),
}


def rolled_back(way: tuple[TreeRecipe, TreeRecipe], interrupt: Interruption, number: int) -> bool:
    """Check that a failing change, interrupted at its n-th request, is rolled back to the previous release."""
    before, after = way
    stage, there = went(way, interrupt, number)
    recipes = [app for app in before.apps if app not in after.apps] + [
        a for a in after.apps if a in before.apps
    ]
    wrong = [
        each for app in recipes for each in app_differences(after, app, stage.fleet, failed_may_stay=True)
    ]
    assert not wrong, f"{interrupt.__name__} at request {number}: {wrong}"
    assert stage.status().plan.actions == ()
    return there


def try_every_request(
    go: Callable[[tuple[TreeRecipe, TreeRecipe], Interruption, int], bool], way, interrupt: Interruption
):
    """Interrupt a change at its first request, at its second, and so on until there is no such request."""
    with without_yaml():
        for number in range(1, REQUESTS_MAX):
            if not go(way, interrupt, number):
                break
        else:
            pytest.fail(f"more than {REQUESTS_MAX} requests")
    assert number > 2, "a way of so few requests tests nothing"


@pytest.mark.parametrize("interrupt", [dies_before, dies_after, loses_the_reply])
@pytest.mark.parametrize("name", sorted(BAD_WAYS))
def test_an_interrupted_rollback_brings_the_former_release_back(name, interrupt):
    try_every_request(rolled_back, BAD_WAYS[name], interrupt)


@pytest.mark.parametrize("interrupt", [dies_before, dies_after, loses_the_reply, dies_and_forgets])
@pytest.mark.parametrize("name", sorted(WAYS))
def test_an_interrupted_way_is_finished_by_the_next_run(name, interrupt):
    try_every_request(interrupted, WAYS[name], interrupt)
