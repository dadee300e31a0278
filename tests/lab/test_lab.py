"""The lab's guarantees: a client of a host observes what the lab reports to have done to it."""

from pathlib import Path

import docker
import pytest
import requests
from lab.commands import wait_for
from lab.flavour import system_flavour
from lab.fleet import Lab, open_lab
from lab.host import LabHost
from lab.registry import Registry
from lab.slot import is_running


def tcp_client(host: LabHost) -> docker.APIClient:
    return docker.APIClient(base_url=host.tcp, version="1.41", timeout=1)


def answers(host: LabHost) -> bool:
    try:
        return bool(tcp_client(host).ping())
    except requests.exceptions.RequestException:
        return False


def run_stub(host: LabHost, image: str) -> str:
    with host.client() as client:
        container = client.create_container(
            image, host_config=client.create_host_config(restart_policy={"Name": "always"})
        )
        client.start(container["Id"])
        return str(container["Id"])


def test_a_paused_host_accepts_and_never_answers_and_its_containers_run_on(lab3: Lab) -> None:
    container = run_stub(lab3.host(1), "stub:1")
    client = tcp_client(lab3.host(1))
    with lab3.host(1).paused(), pytest.raises(requests.exceptions.ReadTimeout):
        client.ping()
    assert client.inspect_container(container)["RestartCount"] == 0


def test_a_cut_host_is_out_of_reach_while_its_neighbour_is_not(lab3: Lab) -> None:
    with lab3.host(1).cut_off():
        with pytest.raises(requests.exceptions.RequestException):
            tcp_client(lab3.host(1)).ping()
        assert tcp_client(lab3.host(2)).ping()
    # The bridge and its neighbours must learn their addresses again.
    wait_for("the host to be in reach again", lambda: answers(lab3.host(1)))


def test_a_killed_host_loses_its_processes_and_keeps_its_data(lab3: Lab) -> None:
    host = lab3.host(1)
    container = run_stub(host, "stub:1")
    with host.client() as client:
        pid = client.inspect_container(container)["State"]["Pid"]
    host.kill()
    assert not is_running(pid)
    host.start()
    assert tcp_client(host).inspect_container(container)["State"]["Running"]


def test_a_host_is_found_empty_after_the_next_test_restored_it(lab3: Lab) -> None:
    run_stub(lab3.host(2), "stub:1")
    lab3.host(2).kill()
    lab3.restore()
    with lab3.host(2).client() as client:
        assert client.containers(all=True) == []


def test_each_host_has_a_name_and_a_zone_of_its_own(lab3: Lab) -> None:
    found = [tcp_client(host).info() for host in lab3.hosts]
    assert [(entry["Name"], entry["Labels"]) for entry in found] == [
        ("h1", ["zone=z1"]),
        ("h2", ["zone=z2"]),
        ("h3", ["zone=z3"]),
    ]


def test_hosts_pull_what_was_pushed_to_the_registry(lab3: Lab, registry: Registry) -> None:
    reference = registry.push(lab3.host(1), "stub:1", name="team/web:1")
    with lab3.host(2).client() as client:
        client.pull(reference)
        assert client.inspect_image(reference)["Id"] == client.inspect_image("stub:1")["Id"]
        client.remove_image(reference)


def test_an_engine_of_version_26_starts_containers(engine26: LabHost) -> None:
    container = run_stub(engine26, "stub:1")
    with engine26.client() as client:
        assert client.version()["Version"].startswith("26.1")
        assert client.inspect_container(container)["State"]["Running"]


def test_an_engine_over_tls_answers_the_holder_of_a_certificate_alone(tls_host: LabHost) -> None:
    files = tls_host.spec.certificates
    assert files
    pair = (str(files.cert("client")), str(files.key("client")))
    address = tls_host.tcp.replace("tcp:", "https:")
    assert requests.get(f"{address}/_ping", verify=str(files.ca), cert=pair, timeout=5).text == "OK"
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(f"{address}/_ping", verify=str(files.ca), timeout=5)


def test_images_that_a_test_moved_or_made_are_put_right_for_the_next(engine_host: LabHost) -> None:
    with engine_host.client() as client:
        wanted = client.inspect_image("stub:1")["Id"]
        client.tag("stub:2", "stub", "1", force=True)
        client.tag("stub:2", "team/web", "1")
        client.remove_image("stub:3")
        engine_host.restore()
        assert client.inspect_image("stub:1")["Id"] == wanted
        assert client.images("team/web") == []
        assert client.images("stub:3")


def test_two_labs_live_side_by_side_and_leave_nothing_behind(lab3: Lab) -> None:
    flavour = system_flavour()
    assert flavour
    with open_lab([flavour]) as other:
        run_stub(other.host(1), "stub:1")
        slot = other.slot
        assert other.host(1).address != lab3.host(1).address
    assert not slot.directory.exists()
    assert f"{slot.directory}/" not in Path("/proc/self/mounts").read_text()
    assert not list(Path("/run/netns").glob(f"{slot.name}h*"))
    assert not (Path("/sys/class/net") / slot.name).exists()
