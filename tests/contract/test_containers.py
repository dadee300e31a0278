"""What every engine promises about containers (engine/base.py)."""

from datetime import datetime, timedelta

import pytest
from contract.making import app_with, created, intent, running, state

from gitops_orch.errors import Conflict, EngineError, NotFound
from gitops_orch.model.observed import EndedBy, Health, State

ENGINES_OWN_GRACE_S = 10  # where nothing else is asked for


def test_a_created_container_does_not_run(world, key):
    container = created(world, app_with(key))
    found = world.engine.inspect(container)
    assert (found.state, found.details.started_at) == (State.CREATED, None)


def test_a_created_container_says_what_it_was_made_from(world, key):
    wanted = intent(app_with(key, environment={"A": "1"}), slot=3)
    found = world.engine.inspect(world.engine.create(wanted))
    owner = found.owner
    assert (found.name, found.image, found.project) == (wanted.name, "stub:1", key.project)
    assert (owner.app, owner.service, owner.slot, owner.commit) == (key, "web", 3, wanted.commit)
    assert (owner.spec_hash, owner.salt, owner.release) == (wanted.spec_hash, "salt", wanted.app.digest)
    assert "A=1" in found.details.environment


def test_a_container_is_found_by_its_id_and_by_its_name(world, key):
    container = created(world, app_with(key))
    by_id = world.engine.inspect(container)
    assert world.engine.inspect(by_id.name).id == container


def test_creating_it_again_returns_the_same_container(world, key):
    app = app_with(key)
    assert created(world, app) == created(world, app)


def test_creating_it_again_for_a_later_commit_returns_the_same_container(world, key):
    app = app_with(key)
    assert created(world, app) == created(world, app, commit="e" * 40)


def test_another_container_under_the_same_name_is_a_conflict(world, key):
    app = app_with(key)
    created(world, app)
    with pytest.raises(Conflict, match="h1"):
        created(world, app, spec_hash="0" * 64)


def test_a_container_without_its_image_is_not_found(world, key):
    with pytest.raises(NotFound, match="h1"):
        created(world, app_with(key, image="never-pulled:1"))


def test_a_started_container_runs(world, key):
    container = running(world, app_with(key))
    found = world.engine.inspect(container)
    assert found.state is State.RUNNING
    assert found.details.started_at is not None


def test_starting_a_running_container_is_already_so(world, key):
    container = running(world, app_with(key))
    before = world.engine.inspect(container).details.started_at
    world.engine.start(container)
    assert world.engine.inspect(container).details.started_at == before


def test_a_stopped_container_has_exited(world, key):
    container = running(world, app_with(key))
    world.engine.stop(container)
    found = world.engine.inspect(container)
    assert found.state is State.EXITED
    assert found.details.finished_at is not None


def test_stopping_a_stopped_container_is_already_so(world, key):
    container = running(world, app_with(key))
    world.engine.stop(container)
    world.engine.stop(container)
    assert state(world, container) is State.EXITED


def test_stopping_a_created_container_leaves_it_created(world, key):
    container = created(world, app_with(key))
    world.engine.stop(container)
    assert state(world, container) is State.CREATED


def test_a_stopped_container_starts_again(world, key):
    container = running(world, app_with(key))
    world.engine.stop(container)
    world.engine.start(container)
    assert state(world, container) is State.RUNNING


def test_a_stop_wins_over_restart_always(world, key):
    container = running(world, app_with(key, restart="always"))
    world.engine.stop(container)
    assert state(world, container) is State.EXITED


@pytest.mark.parametrize(("service", "grace_s"), [({"stop_grace_period": "10m"}, 600), ({}, 10)])
def test_a_container_says_how_long_it_has_to_end(world, key, service, grace_s):
    assert world.engine.inspect(created(world, app_with(key, **service))).details.grace_s == grace_s


@pytest.mark.parametrize("verb", ["stop", "restart"])
@pytest.mark.parametrize("grace_s", [1, 3])
def test_what_does_not_end_by_itself_is_killed_after_the_time_that_it_was_made_with(
    world, key, verb, grace_s
):
    container = running(world, app_with(key, image="stub:stubborn", stop_grace_period=f"{grace_s}s"))
    began = world.clock.monotonic_s()
    getattr(world.engine, verb)(container)
    assert grace_s <= world.clock.monotonic_s() - began < ENGINES_OWN_GRACE_S
    assert state(world, container) is (State.EXITED if verb == "stop" else State.RUNNING)


def test_a_removed_container_is_gone(world, key):
    container = created(world, app_with(key))
    world.engine.remove(container)
    with pytest.raises(NotFound):
        world.engine.inspect(container)


def test_a_running_container_is_removed_too(world, key):
    container = running(world, app_with(key))
    world.engine.remove(container)
    assert container not in {row.id for row in world.engine.observe().containers}


def test_removing_an_absent_container_is_already_so(world, key):
    container = created(world, app_with(key))
    world.engine.remove(container)
    world.engine.remove(container)
    assert container not in {row.id for row in world.engine.observe().containers}


@pytest.mark.parametrize(
    "verb", ["start", "stop", "restart", "rename", "update", "unpause", "logs", "inspect", "run_exec"]
)
def test_what_is_asked_of_an_absent_container_is_not_found(world, verb):
    ask = {
        "start": lambda: world.engine.start("absent"),
        "stop": lambda: world.engine.stop("absent"),
        "restart": lambda: world.engine.restart("absent"),
        "rename": lambda: world.engine.rename("absent", "other"),
        "update": lambda: world.engine.update("absent", {"Memory": 10**8}),
        "unpause": lambda: world.engine.unpause("absent"),
        "logs": lambda: world.engine.logs("absent", tail=1),
        "inspect": lambda: world.engine.inspect("absent"),
        "run_exec": lambda: world.engine.run_exec("absent", ("true",)),
    }
    with pytest.raises(NotFound, match="h1"):
        ask[verb]()


def test_a_renamed_container_answers_to_its_new_name(world, key):
    container = running(world, app_with(key))
    world.engine.rename(container, f"{key.name}-new")
    assert world.engine.inspect(f"{key.name}-new").id == container


def test_renaming_it_to_its_own_name_is_already_so(world, key):
    container = created(world, app_with(key))
    world.engine.rename(container, f"{key.name}-new")
    world.engine.rename(container, f"{key.name}-new")
    assert world.engine.inspect(container).name == f"{key.name}-new"


def test_renaming_it_to_a_taken_name_is_a_conflict(world, key):
    app = app_with(key)
    first, second = created(world, app, slot=1), created(world, app, slot=2)
    with pytest.raises(Conflict):
        world.engine.rename(first, world.engine.inspect(second).name)


def test_limits_and_restart_policy_change_in_place(world, key):
    container = running(world, app_with(key, restart="always"))
    fields = {"Memory": 64_000_000, "MemorySwap": -1, "RestartPolicy": {"Name": "no"}}
    world.engine.update(container, fields)
    details = world.engine.inspect(container).details
    assert (details.memory_bytes, details.restart_policy) == (64_000_000, "no")


def test_a_limit_updated_to_zero_stays(world, key):
    container = running(world, app_with(key, mem_limit="64000000"))
    world.engine.update(container, {"Memory": 0})
    assert world.engine.inspect(container).details.memory_bytes == 64_000_000


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure", "on-failure:3"])
def test_a_restart_policy_is_shown_as_compose_writes_it(world, key, policy):
    container = created(world, app_with(key, restart=policy))
    assert world.engine.inspect(container).details.restart_policy == policy


def test_a_restart_begins_anew(world, key):
    container = running(world, app_with(key))
    before = world.engine.inspect(container).details.started_at
    moments = iter([False, True])
    world.wait("a moment", lambda: next(moments))
    world.engine.restart(container)
    found = world.engine.inspect(container)
    assert found.state is State.RUNNING
    assert found.details.started_at > before


def test_a_restart_starts_a_stopped_container(world, key):
    container = running(world, app_with(key))
    world.engine.stop(container)
    world.engine.restart(container)
    assert state(world, container) is State.RUNNING


def test_a_paused_container_goes_on(world, key):
    container = running(world, app_with(key))
    world.pause(container)
    assert state(world, container) is State.PAUSED
    world.engine.unpause(container)
    assert state(world, container) is State.RUNNING


def test_unpausing_a_running_container_is_already_so(world, key):
    container = running(world, app_with(key))
    world.engine.unpause(container)
    assert state(world, container) is State.RUNNING


def test_a_paused_container_is_stopped_and_removed(world, key):
    container = running(world, app_with(key))
    world.pause(container)
    world.engine.stop(container)
    assert state(world, container) is State.EXITED
    world.engine.remove(container)


def test_a_crash_shows_its_exit_code(world, key):
    container = running(world, app_with(key, image="stub:crash"))
    world.wait("the crash", lambda: state(world, container) is State.EXITED)
    assert world.engine.inspect(container).details.exit_code == 1


def test_a_crash_loop_counts_its_restarts(world, key):
    container = running(world, app_with(key, image="stub:crash", restart="on-failure:2"))
    world.wait("the end of the restarts", lambda: state(world, container) is State.EXITED)
    found = world.engine.inspect(container).details
    assert (found.restart_count, found.exit_code) == (2, 1)


def test_a_healthy_container_was_starting_before(world, key):
    check = {"test": ["CMD-SHELL", "true"], "interval": "1s", "retries": 1}
    container = running(world, app_with(key, image="stub:healthy-1", healthcheck=check))
    assert world.engine.inspect(container).health is Health.STARTING
    world.wait("health", lambda: world.engine.inspect(container).health is Health.HEALTHY)
    listed = {row.id: row.health for row in world.engine.observe().containers}
    assert listed[container] is Health.HEALTHY


def test_an_unhealthy_container_runs_on(world, key):
    check = {"test": ["CMD-SHELL", "false"], "interval": "1s", "retries": 1}
    container = running(world, app_with(key, image="stub:unhealthy", healthcheck=check))
    world.wait("the verdict", lambda: world.engine.inspect(container).health is Health.UNHEALTHY)
    assert state(world, container) is State.RUNNING


def test_a_container_without_a_check_has_no_health(world, key):
    container = running(world, app_with(key))
    assert world.engine.inspect(container).health is Health.NONE


def test_a_taken_port_fails_the_start_and_leaves_it_created(world, key):
    port = {"target": 80, "published": "18099", "protocol": "tcp"}
    app = app_with(key, networks=("front",), ports=[port])
    running(world, app, slot=1)
    second = created(world, app, slot=2)
    with pytest.raises(EngineError, match="already allocated"):
        world.engine.start(second)
    assert state(world, second) is State.CREATED


def test_a_published_port_is_seen(world, key):
    port = {"target": 80, "published": "18098", "host_ip": "127.0.0.1", "protocol": "tcp"}
    container = running(world, app_with(key, networks=("front",), ports=[port]))
    ports = {row.id: row.ports for row in world.engine.observe().containers}[container]
    assert ports == (("127.0.0.1", 18098, "tcp"),)


def test_logs_are_the_last_lines(world, key):
    container = running(world, app_with(key, image="stub:crash"))
    world.wait("the crash", lambda: state(world, container) is State.EXITED)
    assert world.engine.logs(container, tail=10) == "no such table\n"


def test_logs_are_asked_for_from_a_time_on_and_each_line_after_its_time(world, key):
    container = running(world, app_with(key, image="stub:crash"))
    world.wait("the crash", lambda: state(world, container) is State.EXITED)
    (line,) = world.engine.logs(container, tail=10, timestamps=True).splitlines()
    at, _, text = line.partition(" ")
    assert text == "no such table"
    printed_at = datetime.fromisoformat(f"{at[:26]}+00:00")  # to the microsecond; it has nanoseconds
    assert world.engine.logs(container, tail=10, since=printed_at) == "no such table\n"
    assert world.engine.logs(container, tail=10, since=printed_at + timedelta(seconds=2)) == ""


def test_an_event_tells_of_a_start_and_a_removal(world, key):
    container = created(world, app_with(key))

    def act() -> None:
        world.engine.start(container)
        world.engine.remove(container)

    told = {(e.kind, e.action) for e in world.events_during(act, "destroy") if e.id == container}
    assert {("container", "start"), ("container", "die"), ("container", "destroy")} <= told


def test_time_in_events_moves_on(world, key):
    container = created(world, app_with(key))
    events = world.events_during(lambda: world.engine.start(container), "start")
    started = world.engine.inspect(container).details.started_at
    at = next(event.at for event in events if event.action == "start")
    assert abs(at - started) < timedelta(seconds=10)


def test_a_closed_engine_is_unreachable(world, key):
    world.engine.close()
    with pytest.raises(EngineError, match="h1"):
        world.engine.observe()


@pytest.mark.parametrize("declared", ["", "job-failed", "old-kept"])
def test_what_ended_by_itself_is_told_from_what_was_stopped_whatever_its_name_ends_in(world, key, declared):
    """A service may declare a name that ends as those of containers do that we set aside."""
    name = {"name": f"{key.name}-{declared}"} if declared else {}
    container = running(world, app_with(key, image="stub:crash", restart="no"), **name)
    world.wait("the end", lambda: state(world, container) is State.EXITED)
    assert world.engine.inspect(container).details.ended_by is EndedBy.ITSELF
