"""Behaviour of the simulated engine beyond the contract that it shares with the real one."""

import json
from dataclasses import replace

import pytest
from simulation import tampering
from simulation.builders import app, intent, service
from simulation.simulated_clock import SimulatedClock

from gitops_orch.clock import SystemClock
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.faults import Fault, SimulatedCrash
from gitops_orch.engine.simulated.fleet import SimulatedFleet, kept_fleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.errors import Conflict, EngineError, HostUnreachable, ImageUnavailable, SettingsError
from gitops_orch.model.host import Host
from gitops_orch.model.observed import Health, State


class Script:
    """Faults in a given order, by operation."""

    def __init__(self, **faults):
        self.faults = faults

    def decide(self, host, operation):
        return self.faults.pop(operation, None)


def a_fleet(*, faults=None, **images):
    registry = Registry({name.replace("_", ":"): behaviour for name, behaviour in images.items()})
    fleet = SimulatedFleet(clock=SimulatedClock(), registry=registry)
    if faults is not None:
        fleet.faults = faults
    return fleet


def a_host(fleet, name="one") -> SimulatedEngine:
    return fleet.connect(Host(name=name, url=f"sim://{name}"))


def running(host, image="web:1", **body):
    host.pull(image)
    wanted = intent(app(services=(service(image=image, **body),)))
    identity = host.create(wanted)
    host.start(identity)
    return identity


def state(host, container):
    found = host.inspect(container)
    return found.state, found.health


def test_an_image_that_nobody_described_runs_for_ever():
    fleet = a_fleet()
    host = a_host(fleet)
    container = running(host)
    fleet.clock.sleep(10**7)
    assert state(host, container) == (State.RUNNING, Health.NONE)


def test_health_follows_the_virtual_clock():
    fleet = a_fleet(web_1=ImageBehaviour(healthcheck=True, healthy_after_s=5, unhealthy_after_s=20))
    host = a_host(fleet)
    container = running(host)
    seen = []
    for _ in range(3):
        seen.append(state(host, container)[1])
        fleet.clock.sleep(10)
    assert seen == [Health.STARTING, Health.HEALTHY, Health.UNHEALTHY]


def test_a_crashing_container_is_restarted_with_growing_pauses():
    fleet = a_fleet(web_1=ImageBehaviour(exits_after_s=1, exit_code=3))
    host = a_host(fleet)
    container = running(host, restart="unless-stopped")
    fleet.clock.sleep(60)
    details = host.inspect(container).details
    assert (details.exit_code, 5 <= details.restart_count <= 12) == (3, True)


def test_a_container_that_fails_twice_stays_up_the_third_time():
    fleet = a_fleet(web_1=ImageBehaviour(exits_after_s=1, exit_code=1, exits_max=2))
    host = a_host(fleet)
    container = running(host, restart="always")
    fleet.clock.sleep(600)
    found = host.inspect(container)
    assert (found.state, found.details.restart_count) == (State.RUNNING, 2)


def test_a_command_that_ends_ends_at_every_start_of_an_image_whose_program_stays_up_later():
    fleet = a_fleet(web_1=ImageBehaviour(exits_after_s=1, exit_code=1, exits_max=1))
    host = a_host(fleet)
    container = running(host, command=("true",))
    for _ in range(3):
        fleet.clock.sleep(5)
        found = host.inspect(container)
        assert (found.state, found.details.exit_code) == (State.EXITED, 0)
        host.start(container)


def test_a_rebooted_host_brings_back_what_its_policies_say():
    fleet = a_fleet()
    host = a_host(fleet)
    app_of = {}
    for slot, policy in enumerate(("always", "unless-stopped", "no"), start=1):
        host.pull("web:1")
        app_of[policy] = host.create(intent(app(services=(service(restart=policy),)), slot=slot))
        host.start(app_of[policy])
    host.stop(app_of["always"])
    host.stop(app_of["unless-stopped"])
    host.world.crash(fleet.clock.now().timestamp() + 30)
    with pytest.raises(HostUnreachable):
        host.observe()
    fleet.clock.sleep(31)
    states = {policy: state(host, container)[0] for policy, container in app_of.items()}
    assert states == {"always": State.RUNNING, "unless-stopped": State.EXITED, "no": State.EXITED}


def test_a_silent_host_costs_the_deadline_and_goes_on_meanwhile():
    fleet = a_fleet(web_1=ImageBehaviour(exits_after_s=10))
    host = a_host(fleet)
    container = running(host)
    host.world.cut(fleet.clock.now().timestamp() + 40)
    with pytest.raises(HostUnreachable, match="no answer within 30 s"):
        host.stop(container)
    fleet.clock.sleep(11)
    assert state(host, container)[0] is State.EXITED


def test_a_lost_reply_leaves_the_work_done():
    fleet = a_fleet(faults=Script(create=Fault.LOST_REPLY))
    host = a_host(fleet)
    host.pull("web:1")
    wanted = intent(app())
    with pytest.raises(HostUnreachable):
        host.create(wanted)
    assert host.create(wanted) == host.inspect(wanted.name).id


@pytest.mark.parametrize(
    ("fault", "error", "created"),
    [
        (Fault.LOST_REQUEST, HostUnreachable, 0),
        (Fault.REFUSED, HostUnreachable, 0),
        (Fault.SERVER_ERROR, EngineError, 0),
        (Fault.CRASH_BEFORE, SimulatedCrash, 0),
        (Fault.CRASH_AFTER, SimulatedCrash, 1),
    ],
)
def test_a_fault_does_what_its_name_says(fault, error, created):
    host = a_host(a_fleet(faults=Script(create=fault)))
    host.pull("web:1")
    with pytest.raises(error):
        host.create(intent(app()))
    assert len(host.observe().containers) == created


def test_a_registry_outage_fails_the_pull_and_nothing_else():
    fleet = a_fleet()
    host = a_host(fleet)
    running(host)
    fleet.registry.outage = "toomanyrequests"
    with pytest.raises(ImageUnavailable, match="toomanyrequests"):
        host.pull("web:2")
    assert host.observe().containers[0].state is State.RUNNING


def test_a_pushed_tag_is_another_image_once_it_is_pulled():
    fleet = a_fleet()
    host = a_host(fleet)
    before = host.pull("web:1")
    fleet.registry.push("web:1", ImageBehaviour(variant="b"))
    assert host.observe().images[0].tags == ("web:1",)
    after = host.pull("web:1")
    tags = {image.id: image.tags for image in host.observe().images}
    assert tags == {before.id: (), after.id: ("web:1",)}
    assert host.pull(before.digests[0]).id == before.id


def test_two_containers_cannot_publish_one_port():
    fleet = a_fleet()
    host = a_host(fleet)
    ports = [{"mode": "host", "target": 80, "published": "8080", "protocol": "tcp"}]
    running(host, ports=ports)
    second = host.create(intent(app(services=(service(ports=ports),)), slot=2))
    with pytest.raises(EngineError, match=r"port 0\.0\.0\.0:8080/tcp is already allocated"):
        host.start(second)
    assert state(host, second)[0] is State.CREATED


@pytest.mark.parametrize("drift", sorted(tampering.DRIFT))
def test_every_drift_can_be_seen(drift):
    fleet = a_fleet()
    host = a_host(fleet)
    host.create_network(app().key, app().networks[0])
    check = {"test": ["CMD", "true"]}
    container = running(host, restart="always", networks={"default": None}, healthcheck=check)
    fleet.clock.sleep(1)
    before = replace(host.observe(), observed_at=fleet.clock.now())
    tampering.DRIFT[drift](host.world, host.world.find(container))
    assert replace(host.observe(), observed_at=fleet.clock.now()) != before


def test_events_tell_what_happened_and_end():
    host = a_host(a_fleet())
    container = running(host)
    tampering.remove(host.world, host.world.find(container))
    actions = [event.action for event in host.events() if event.kind == "container"]
    assert actions == ["create", "start", "die", "destroy"]
    assert list(host.events()) == []


def test_the_same_history_gives_the_same_world():
    def history():
        fleet = a_fleet(web_1=ImageBehaviour(exits_after_s=1))
        host = a_host(fleet)
        running(host, restart="always")
        fleet.clock.sleep(100)
        return host.observe()

    assert history() == history()


def test_a_kept_host_is_the_same_in_the_next_process(tmp_path):
    def connect():
        fleet = kept_fleet(tmp_path, SystemClock(), instance="default")
        return fleet.connect(Host(name="edge", url="sim://edge"))

    before = connect()
    files = app().key
    before.create_network(files, app().networks[0])
    container = running(before, networks={"default": None}, restart="always", mem_limit="64m")
    after = connect()
    assert after.inspect(container) == before.inspect(container)
    assert after.observe().networks == before.observe().networks
    assert after.observe().images == before.observe().images


@pytest.mark.parametrize("targets", [["/data"], ["/data", "/config"]])
def test_a_kept_host_knows_in_the_next_process_what_its_containers_mount(tmp_path, targets):
    def connect():
        return kept_fleet(tmp_path, SystemClock(), instance="default").connect(Host(name="e", url="sim://e"))

    (tmp_path / "simulated").mkdir()
    (tmp_path / "simulated" / "images.json").write_text(json.dumps({"web:1": {"volumes": targets}}))
    container = running(connect())
    (found,) = connect().observe().containers
    assert found.id == container
    assert sorted(mount.target for mount in found.mounts if mount.writable) == sorted(targets)


def test_a_kept_fleet_reads_what_its_images_do(tmp_path):
    folder = tmp_path / "simulated"
    folder.mkdir()
    (folder / "images.json").write_text(json.dumps({"web:1": {"pull_error": "denied"}}))
    host = kept_fleet(tmp_path, SystemClock(), instance="default").connect(Host(name="e", url="sim://e"))
    with pytest.raises(ImageUnavailable, match="denied"):
        host.pull("web:1")


def test_a_misspelt_behaviour_is_an_error_that_names_the_known_ones(tmp_path):
    folder = tmp_path / "simulated"
    folder.mkdir()
    (folder / "images.json").write_text('{"web:1": {"exit_after": 1}}')
    with pytest.raises(SettingsError, match=r"unknown keys exit_after.*exits_after_s"):
        kept_fleet(tmp_path, SystemClock(), instance="default")


def test_a_file_that_is_no_world_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "simulated").mkdir()
    (tmp_path / "simulated" / "edge.json").write_text("{")
    with pytest.raises(SettingsError, match="delete the file"):
        kept_fleet(tmp_path, SystemClock(), instance="default").connect(Host(name="edge", url="sim://edge"))


def test_two_instances_on_one_host_see_each_other_as_foreign():
    fleet = a_fleet()
    ours = a_host(fleet)
    running(ours)
    other = SimulatedFleet(
        clock=fleet.clock, worlds=fleet.worlds, settings=replace(fleet.settings, instance="other")
    )
    assert len(ours.observe().owned) == 1
    assert len(a_host(other).observe().foreign) == 1


def test_a_foreign_container_under_our_name_is_a_conflict():
    host = a_host(a_fleet())
    host.pull("web:1")
    wanted = intent(app())
    tampering.run_foreign(host.world, wanted.name)
    with pytest.raises(Conflict, match="in use"):
        host.create(wanted)
