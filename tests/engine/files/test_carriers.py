"""Carriers of several processes on one Engine: none is taken away from another, and none stays for ever."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.files import carriers as module
from gitops_orch.engine.files.carriers import CARRIER_SUFFIX, ENTRYPOINT
from gitops_orch.engine.labels import carrier_labels
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.host import Host

KEY = AppKey(namespace="default", name="files")
DATA = FileMount(target="/data", entries=(), directory=True, secret=False, writable_path="data")


@pytest.fixture
def engine(lab_host: LabHost, tmp_path: Path) -> Iterator[DockerHost]:
    made = connect(Host(name="h1", url=lab_host.unix, data_root=str(tmp_path)), EngineSettings())
    yield made
    made.close()


def left_behind(lab_host: LabHost, name: str, entrypoint: str = ENTRYPOINT) -> str:
    with lab_host.client() as client:
        labels = carrier_labels("default", KEY)
        return str(client.create_container("stub:1", entrypoint=entrypoint, name=name, labels=labels)["Id"])


def names(lab_host: LabHost) -> set[str]:
    with lab_host.client() as client:
        return {row["Names"][0].strip("/") for row in client.containers(all=True)}


def test_the_carrier_of_another_process_is_left_to_it(engine: DockerHost, lab_host: LabHost) -> None:
    theirs = f"default_files_data{CARRIER_SUFFIX}"
    left_behind(lab_host, theirs)
    engine.put_files(KEY, DATA, image="stub:1")
    engine.check_ports(KEY, "stub:1", (("", 18097, "tcp"),))
    assert names(lab_host) == {theirs}


def test_a_carrier_that_is_older_than_any_transfer_is_removed_and_nothing_else(
    engine: DockerHost, lab_host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGE_MAX_S", -1.0)  # all that are not of this moment are old
    left_behind(lab_host, f"left{CARRIER_SUFFIX}")
    left_behind(lab_host, "no-carrier")
    left_behind(lab_host, f"runs-something{CARRIER_SUFFIX}", "/bin/sh")
    engine.put_files(KEY, DATA, image="stub:1")
    assert names(lab_host) == {"no-carrier", f"runs-something{CARRIER_SUFFIX}"}


def test_two_addresses_of_a_port_are_checked_at_the_same_time(engine: DockerHost, lab_host: LabHost) -> None:
    errors: list[Exception] = []

    def check(address: str) -> None:
        try:
            engine.check_ports(KEY, "stub:1", ((address, 18097, "tcp"),))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            errors.append(error)

    threads = [threading.Thread(target=check, args=(f"127.0.0.{number}",)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names(lab_host) == set()


@pytest.mark.parametrize("path", ["dätä", "with space", "a/b", "x" * 200])
def test_a_data_directory_of_any_name_is_created(engine: DockerHost, tmp_path: Path, path: str) -> None:
    files = FileMount(target="/data", entries=(), directory=True, secret=False, writable_path=path)
    engine.put_files(KEY, files, image="stub:1")
    assert (tmp_path / "default/files" / path).is_dir()
