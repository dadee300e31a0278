"""`pre_start` hooks that run once for their service, beside those that run for each container: a world in, a plan out."""

from collections import Counter

import pytest
from planner.builders import app, container, host, seen, service, with_fields
from planner.test_jobs import by_id, prepared_world

from gitops_orch.model.app import Mode, UpdatePolicy
from gitops_orch.model.job import Hook
from gitops_orch.model.observed import State
from gitops_orch.model.plan.action import intent_of
from gitops_orch.planner.plan import make_plan

SCHEMA = Hook(command=("migrate", "schema"))
EACH = Hook(command=("chown",), per_replica=True)


def three(*hooks, **fields):
    return app("shop", service(pre_start=hooks, replicas=3, **fields))


def made_by_hooks(plan):
    """How often each command of a hook runs."""
    return Counter(
        each.payload.container.service.compose["command"][0] for each in plan.actions if of_a_hook(each)
    )


def of_a_hook(action):
    intent = intent_of(action)
    return intent is not None and ".pre_start." in intent.service.name


def waits_for(plan, action, other):
    found, todo = by_id(plan), [action.id]
    seen = set()
    while todo:
        each = found[todo.pop()]
        todo += [before for before in (*each.after, *each.follows) if before not in seen]
        seen.update((*each.after, *each.follows))
    return other.id in seen


@pytest.mark.parametrize("parallelism", [1, 3])
@pytest.mark.parametrize("old", [True, False])
def test_what_comes_before_runs_once_for_the_service_and_every_replica_waits_for_it(parallelism, old):
    shop = three(EACH, SCHEMA, update=UpdatePolicy(parallelism=parallelism))
    there = [container(shop, slot=slot, spec="old", release="earlier") for slot in (1, 2, 3)] if old else []
    plan = make_plan(prepared_world(shop, *there))
    assert made_by_hooks(plan) == {"migrate": 1, "chown": 3}
    starts = [action for action in plan.actions if action.kind.value == "start" and action.service == "api"]
    (ran,) = [
        action
        for action in plan.actions
        if action.kind.value == "run_job" and "migrate schema" in action.reason
    ]
    assert len(starts) == 3
    assert all(waits_for(plan, start, ran) for start in starts)
    assert not any(waits_for(plan, ran, start) for start in starts)


@pytest.mark.parametrize("lost", [1, 2])
def test_another_replica_or_a_lost_one_runs_nothing_that_runs_once(lost):
    shop = three(EACH, SCHEMA)
    there = [container(shop, slot=slot) for slot in range(1, 4 - lost)]
    assert made_by_hooks(make_plan(prepared_world(shop, *there))) == {"chown": lost}


def test_a_service_of_which_nothing_is_left_is_prepared_again():
    shop = three(SCHEMA)
    assert made_by_hooks(make_plan(prepared_world(shop))) == {"migrate": 1}


def test_containers_that_were_never_started_prove_nothing():
    shop = three(SCHEMA)
    there = [container(shop, slot=slot, state=State.CREATED) for slot in (1, 2, 3)]
    assert made_by_hooks(make_plan(prepared_world(shop, *there))) == {"migrate": 1}


def test_a_replica_of_a_new_image_is_prepared_again():
    shop = three(SCHEMA)
    there = [container(shop, slot=slot, image_id="sha256:old") for slot in (1, 2)]
    assert made_by_hooks(make_plan(prepared_world(shop, *there))) == {"migrate": 1}


def test_a_rollout_that_broke_off_after_its_first_replica_goes_on_without_it():
    shop = three(SCHEMA)
    there = [
        container(shop, slot=1),
        *(container(shop, slot=slot, spec="old", release="earlier") for slot in (2, 3)),
    ]
    assert made_by_hooks(make_plan(prepared_world(shop, *there))) == {}


def everywhere(**fields):
    return app("shop", service(pre_start=(SCHEMA, EACH), mode=Mode.GLOBAL, **fields))


def on_hosts(shop, **containers):
    """A world of hosts, with the containers that each has."""
    made = prepared_world(shop)
    observed = {name: seen(name, *there, apps=(shop,)) for name, there in containers.items()}
    nothing = dict.fromkeys(observed, ())
    return with_fields(
        made, observed=observed, hosts=tuple(host(name) for name in observed), last_placements=nothing
    )


def prepared_hosts(plan):
    return [each.host for each in plan.actions if of_a_hook(each) and "migrate" in each.reason]


@pytest.mark.parametrize("parallelism", [1, 3])
@pytest.mark.parametrize("old", [True, False])
def test_a_global_service_is_prepared_once_on_each_host_before_its_container_starts(parallelism, old):
    shop = everywhere(update=UpdatePolicy(parallelism=parallelism))
    there = (container(shop, spec="old", release="earlier"),) if old else ()
    plan = make_plan(on_hosts(shop, h1=there, h2=there, h3=there))
    assert sorted(prepared_hosts(plan)) == ["h1", "h2", "h3"]
    for name in ("h1", "h2", "h3"):
        (start,) = [a for a in plan.actions if (a.kind.value, a.host, a.service) == ("start", name, "api")]
        (ran,) = [
            a for a in plan.actions if a.kind.value == "run_job" and a.host == name and "migrate" in a.reason
        ]
        assert waits_for(plan, start, ran)


def test_a_host_that_is_added_later_is_prepared_and_the_others_are_not_again():
    shop = everywhere()
    there = (container(shop),)
    assert prepared_hosts(make_plan(on_hosts(shop, h1=there, h2=(), h3=there))) == ["h2"]


def test_a_replicated_service_is_prepared_once_on_whichever_hosts_it_is():
    shop = three(SCHEMA)
    plan = make_plan(on_hosts(shop, h1=(), h2=(), h3=()))
    assert len({a.host for a in plan.actions if a.kind.value == "start"}) == 3
    assert len(prepared_hosts(plan)) == 1
