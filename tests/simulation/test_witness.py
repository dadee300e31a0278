"""The simulation must catch a careless product: each of these mistakes has destroyed a fleet before."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from planner.builders import with_fields
from simulation.many import live_through
from simulation.outside import OutsideEvents

from gitops_orch.controller import snapshot
from gitops_orch.controller.execute import gates, run_hook
from gitops_orch.controller.inputs import targets
from gitops_orch.controller.observe import observe_hosts
from gitops_orch.controller.revert import push_reverts
from gitops_orch.engine import labels
from gitops_orch.engine.simulated import create, requests
from gitops_orch.engine.simulated import observation as seen
from gitops_orch.model.app import FilesPolicy
from gitops_orch.model.observed import EndedBy, ObservedHost, owner_of, with_owner
from gitops_orch.planner import health_gate, plan, service_rollout
from gitops_orch.planner.diff import bind_files, kept_mounts, shared_namespaces, slots
from gitops_orch.planner.fallback import fallback, first_release, spare_capacity
from gitops_orch.planner.inputs import container_exit
from gitops_orch.planner.inputs.world import Role
from gitops_orch.planner.placement import placer
from gitops_orch.planner.rollout import canary_and_lanes
from gitops_orch.planner.rollout import replace as succession
from gitops_orch.planner.rollout import start as starts

SEEDS_MAX = 400


def takes_silence_for_emptiness(patch):
    real = observe_hosts._observation

    def careless(name, answer, deadline_s):
        found = real(name, answer, deadline_s)
        if isinstance(found, ObservedHost):
            return found
        return ObservedHost(name=name, observed_at=None, engine_version="", api_version="1.41")

    patch.setattr(observe_hosts, "_observation", careless)


def forgets_the_removal_budget(patch):
    patch.setattr(plan, "check_removals", lambda *_: ())


def removes_what_may_be_renamed(patch):
    """The budget does not count apps that are kept as renamed; here they are removed anyway."""
    real = plan.prune_apps
    patch.setattr(
        plan,
        "prune_apps",
        lambda world, *rest: real(with_fields(world, retained_apps={}, successors={}), *rest),
    )


def believes_every_new_container(patch):
    def careless(_gate, watch, *_, **_named):
        return health_gate.GateResult(state=health_gate.GateState.PASSED, progress=watch)

    patch.setattr(gates, "evaluate_gate", careless)


def does_not_wait_for_the_proof(patch):
    aside, retire = succession.retain, succession.retire
    patch.setattr(succession, "retain", lambda *them: aside(*them[:-1], replace(them[-1], after=())))
    patch.setattr(succession, "retire", lambda draft, old, why, _, *rest: retire(draft, old, why, (), *rest))


def forgets_what_failed(patch):
    choose = targets.choose_release
    patch.setattr(
        targets,
        "choose_release",
        lambda app, commit, **_: choose(app, commit, pin=None, failed={}, stable=None),
    )


def starts_again_what_failed_with_nothing_to_go_back_to(patch):
    patch.setattr(first_release, "_without_repairs", lambda slot: slot)


def goes_back_in_part(patch):
    arrange = service_rollout.arrange

    def careless(chosen, *rest):
        return canary_and_lanes.Arrangement() if chosen.role is Role.ROLLBACK else arrange(chosen, *rest)

    patch.setattr(service_rollout, "arrange", careless)


def takes_every_label_for_its_own(patch):
    real = seen.observe_container

    def careless(container, *, host, instance, details):
        theirs = container.labels.get(labels.INSTANCE, "")
        found = real(container, host=host, instance=instance, details=details)
        owner = owner_of(found) or labels.parse_ownership(container.labels, theirs)
        return with_owner(found, owner)

    patch.setattr(seen, "observe_container", careless)


def takes_a_label_of_an_image_for_its_own(patch):
    for module in (create, seen):
        patch.setattr(module, "own_labels", lambda container, _image: dict(container))


def takes_a_broken_file_for_a_deleted_one(patch):
    world = snapshot.build_world
    patch.setattr(
        snapshot,
        "build_world",
        lambda *them: with_fields(world(*them), invalid_apps={}, invalid_paths=(), retained_apps={}),
    )


def starts_beside_what_it_should_stop_first(patch):
    patch.setattr(succession.Replacement, "stop_first", lambda *_: [])


def does_not_wait_for_other_apps(patch):
    patch.setattr(plan.AppDependencies, "must_wait", lambda *_: False)


def keeps_from_git_what_it_takes_back(patch):
    patch.setattr(push_reverts.FailedReverts, "push_due", lambda *_: ())


def writes_over_what_was_changed_by_hand(patch):
    decide = bind_files.decide
    patch.setattr(bind_files, "decide", lambda files, seen, _: decide(files, seen, FilesPolicy.GIT))


def lays_files_down_once_and_never_again(patch):
    decide = bind_files.decide
    patch.setattr(bind_files, "decide", lambda files, seen, _: decide(files, seen, FilesPolicy.HOST))


def overlooks_a_parent_that_restarted(patch):
    patch.setattr(shared_namespaces.Parents, "_restarted", lambda *_: [])


def keeps_a_child_of_a_parent_that_is_gone(patch):
    patch.setattr(shared_namespaces.Parents, "_is_replaced", lambda *_: False)


def prefers_a_child_that_runs_to_one_that_lives_with_its_parent(patch):
    """The running child of the old parent hides the child of the new parent, so another child is created."""
    judge, study = shared_namespaces.Parents.check, slots._classify

    def careless(chosen, assignment, found, *rest):
        patch.setattr(shared_namespaces.Parents, "check", lambda *_: None)
        slot = study(chosen, assignment, found, *rest)
        patch.setattr(shared_namespaces.Parents, "check", judge)
        parents = rest[-1]
        current = slot.current
        lost = current and judge(parents, slot.service, slot.host, current)
        if not lost or lost.remedy is not slots.Remedy.REPLACE:
            return study(chosen, assignment, found, *rest)
        return replace(slot, current=None, diffs=(), outdated=(slot.current, *slot.outdated), reason="again")

    patch.setattr(slots, "_classify", careless)


def _deaf_to(patch, who):
    """Ignore that a container was ended by `who`."""
    real = container_exit.why_stopped

    def careless(container):
        details = container.details
        return "" if details is not None and details.ended_by is who else real(container)

    for module in (container_exit, health_gate, fallback, run_hook):
        patch.setattr(module, "why_stopped", careless)


def blames_a_release_for_the_end_of_its_daemon(patch):
    """Only daemon restarts interrupt gates here: among other events, a daemon rarely ends a container for good."""
    _deaf_to(patch, EndedBy.DAEMON)
    patch.setattr(OutsideEvents, "_interfere", OutsideEvents._restart_daemon)


def blames_a_release_for_what_a_hand_stopped(patch):
    _deaf_to(patch, EndedBy.REQUEST)


def gives_up_at_the_first_restart(patch):
    judge = gates.evaluate_gate
    patch.setattr(
        gates,
        "evaluate_gate",
        lambda asked, *rest, **also: judge(replace(asked, restarts_max=0), *rest, **also),
    )


def overlooks_who_has_a_port(patch):
    patch.setattr(plan, "blocked_by_ports", lambda *_: {})
    patch.setattr(requests, "check_ports", lambda *_: None)


def leaves_the_data_of_what_it_takes_over(patch):
    patch.setattr(kept_mounts.MountResolver, "of", lambda *_: kept_mounts.NO_MOUNTS)


def takes_over_beside_a_host_that_is_silent(patch):
    """The containers with the data on the silent host are only observed after the app started on another host."""
    real = placer.hosts_of_app
    patch.setattr(placer, "hosts_of_app", lambda *them: replace(real(*them), takes_over=False))


def overlooks_a_tag_that_was_pushed_again(patch):
    patch.setattr(slots, "moved_tag", lambda *_: None)


def takes_what_failed_its_gate_for_trouble(patch):
    """Failed gates are retried without end: no release ever fails."""
    real = starts.gate_of
    patch.setattr(starts, "gate_of", lambda *them: replace(real(*them), is_existing=True))


def starts_all_that_stopped_for_one_place(patch):
    patch.setattr(spare_capacity.RunningSet, "add_if_free", lambda *_: True)


# Each mistake has a seed soon after which it is caught; if a change of the histories moved it, more seeds are tried.
MISTAKES: tuple[tuple[Callable[[pytest.MonkeyPatch], None], str, int], ...] = (
    (takes_silence_for_emptiness, "which is unknown", 143),
    (forgets_the_removal_budget, "containers left Git", 113),
    (removes_what_may_be_renamed, "although more containers left Git than", 8200120),
    (believes_every_new_container, "the only one of its slot that does well", 94),
    (does_not_wait_for_the_proof, "the only one of its slot that does well", 94),
    (takes_every_label_for_its_own, "foreign container", 124),
    (takes_a_label_of_an_image_for_its_own, "foreign container debug", 143),
    (does_not_wait_for_other_apps, "was rolled back", 284),
    (takes_a_broken_file_for_a_deleted_one, "whose file cannot be read", 110),
    (forgets_what_failed, "which is quarantined", 97),
    (starts_again_what_failed_with_nothing_to_go_back_to, "which is quarantined", 107),
    (goes_back_in_part, "went back to a mix", 155),
    (starts_beside_what_it_should_stop_first, "writes it", 94),
    (writes_over_what_was_changed_by_hand, "was changed by hand, and is lost", 94),
    (lays_files_down_once_and_never_again, "instead of what Git has", 390),
    (prefers_a_child_that_runs_to_one_that_lives_with_its_parent, "again, which was never started", 210),
    (overlooks_a_parent_that_restarted, "had before it restarted", 340),
    (keeps_a_child_of_a_parent_that_is_gone, "lives in the network of", 205),
    (blames_a_release_for_the_end_of_its_daemon, "without a fault of its own", 94),
    (blames_a_release_for_what_a_hand_stopped, "without a fault of its own", 92),
    (gives_up_at_the_first_restart, "without a fault of its own", 97),
    (overlooks_who_has_a_port, "for a port that", 171),
    (leaves_the_data_of_what_it_takes_over, "and the data is in", 101),
    (takes_over_beside_a_host_that_is_silent, "has its data", 108),
    (overlooks_a_tag_that_was_pushed_again, "runs other bytes than", 96),
    (takes_what_failed_its_gate_for_trouble, "still not at rest", 92),
    (starts_all_that_stopped_for_one_place, "writes it", 7100698),
    (keeps_from_git_what_it_takes_back, "nobody tried to revert it in Git", 324),
)


@pytest.mark.parametrize(("make", "sentence", "seed"), MISTAKES, ids=[make.__name__ for make, *_ in MISTAKES])
def test_a_product_that(make, sentence, seed, monkeypatch):
    make(monkeypatch)
    found: list[str] = []
    for tried in range(seed, seed + SEEDS_MAX):
        found += [failure for _, failure in live_through([tried]).failures]
        if any(sentence in failure for failure in found):
            return
    pytest.fail(f"{SEEDS_MAX} histories did not catch it, but: {found[:5]}")


def test_an_app_that_looks_renamed_opens_no_way_for_the_removal_of_all_others(monkeypatch):
    real = plan.check_removals
    monkeypatch.setattr(
        plan,
        "check_removals",
        lambda world, index: () if world.findings.retained_apps else real(world, index),
    )
    assert "although all containers left Git" in str(live_through([2633]).failures)


def test_a_new_app_may_begin_while_all_that_left_git_is_kept():
    assert not live_through([1694, 2633]).failures
