"""A first release that failed and stays up: when are all of its containers looked at again?"""

import pytest

from gitops_orch.model.observed import Details, EndedBy, Health, Placed, State, UnknownHost
from gitops_orch.model.plan.action import gate_to_pass
from gitops_orch.planner.inputs.world import TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import COMMIT, app, container, replace, seen, service, world

SHOP = app("shop", service(replicas=2))
FAILURES = {
    "it ended": {"state": State.EXITED, "details": Details(exit_code=3, ended_by=EndedBy.ITSELF)},
    "it is unhealthy": {"health": Health.UNHEALTHY},
    "it restarts": {"state": State.RESTARTING},
}


def started(details):
    """What is started of a release that failed, whose only container ended so."""
    blog = app("shop", service())
    ended = replace(container(blog), state=State.EXITED, details=details)
    chosen = (TargetRelease(app=blog, commit=COMMIT, stays_running=True),)
    plan = make_plan(world(observed={"h1": seen("h1", ended, apps=(blog,))}, targets=chosen))
    return [each for each in plan.actions if each.kind.value == "start"]


def proofs(second):
    """What has to be proved once more, where the second host is seen so."""
    first = seen("h1", container(SHOP, slot=1), apps=(SHOP,))
    key = SHOP.key
    remembered = {f"h{slot}": (Placed(app=key, service="api", slot=slot),) for slot in (1, 2)}
    chosen = (TargetRelease(app=SHOP, commit=COMMIT, stays_running=True),)
    there = world(observed={"h1": first, "h2": second}, targets=chosen, last_placements=remembered)
    gates = [(each, gate_to_pass(each)) for each in make_plan(there).actions]
    return [each for each, gate in gates if gate is not None and gate.is_retry]


def test_all_are_looked_at_where_all_are_healthy():
    assert len(proofs(seen("h2", container(SHOP, slot=2, id="two"), apps=(SHOP,)))) == 2


@pytest.mark.parametrize("fields", FAILURES.values(), ids=FAILURES)
def test_none_is_looked_at_where_one_failed(fields):
    failed = replace(container(SHOP, slot=2, id="two"), **fields)
    assert proofs(seen("h2", failed, apps=(SHOP,))) == []


@pytest.mark.parametrize("reason", ["connection refused", "no answer within 2 s", "another Engine"])
def test_none_is_looked_at_where_a_host_does_not_answer(reason):
    assert proofs(UnknownHost(name="h2", reason=reason)) == []


@pytest.mark.parametrize("policy", ["no", "on-failure:2", "on-failure", "always", "unless-stopped"])
def test_what_ended_by_itself_is_left_alone_whatever_restart_policy_a_person_gives_it_later(policy):
    assert not started(Details(exit_code=1, ended_by=EndedBy.ITSELF, restart_policy=policy))


@pytest.mark.parametrize("policy", ["no", "on-failure:2", "always"])
def test_what_a_person_stopped_is_started_again(policy):
    assert started(Details(exit_code=1, ended_by=EndedBy.REQUEST, restart_policy=policy))
