"""Labels say whose a thing is, and no file can make them lie."""

from pathlib import Path

import pytest
from contract.making import app_with, intent, network, volume
from engine.compose_world import compose
from lab.host import LabHost

from gitops_orch.engine import labels
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.model.app import AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.names import compose_name, container_name, files_volume_name

KEY = AppKey(namespace="shop", name="api")


def test_what_is_written_on_a_container_is_read_back() -> None:
    wanted = intent(app_with(KEY), slot=3)
    owner = labels.parse_ownership(labels.container_labels("one", wanted), "one")
    assert (owner.app, owner.service, owner.slot) == (KEY, "web", 3)
    assert labels.is_intended(owner, wanted)


def test_another_instance_reads_nothing() -> None:
    made = labels.container_labels("one", intent(app_with(KEY)))
    assert labels.parse_ownership(made, "two") is None


@pytest.mark.parametrize("label", [labels.NAMESPACE, labels.APP, labels.SLOT])
def test_an_incomplete_set_of_labels_is_foreign(label: str) -> None:
    made = labels.container_labels("one", intent(app_with(KEY)))
    del made[label]
    assert labels.parse_ownership(made, "one") is None


@pytest.mark.parametrize("slot", ["", "x", "-1", "1.5", "²"])
def test_a_slot_that_is_no_number_is_foreign(slot: str) -> None:
    made = {**labels.container_labels("one", intent(app_with(KEY))), labels.SLOT: slot}
    assert labels.parse_ownership(made, "one") is None


def test_a_file_cannot_claim_to_be_another_app() -> None:
    forged = {labels.APP: "other", labels.INSTANCE: "two", labels.COMPOSE_PROJECT: "other", "mine": "1"}
    made = labels.container_labels("one", intent(app_with(KEY, labels=forged)))
    assert (made[labels.APP], made[labels.INSTANCE], made[labels.COMPOSE_PROJECT]) == (
        "api",
        "one",
        "shop_api",
    )
    assert made["mine"] == "1"


def test_networks_and_volumes_say_whose_they_are() -> None:
    for made in (
        labels.network_labels("one", KEY, network(KEY, "front")),
        labels.volume_labels("one", KEY, volume(KEY, "data")),
        labels.files_labels("one", KEY, "ab"),
    ):
        assert labels.parse_owner(made, "one") == KEY
        assert labels.parse_owner(made, "two") is None


def test_a_carrier_of_files_is_no_container_of_a_service() -> None:
    made = {**labels.container_labels("one", intent(app_with(KEY))), **labels.carrier_labels("one", KEY)}
    assert labels.parse_ownership(made, "one") is None


def test_a_name_changes_with_spec_and_image_and_nothing_else() -> None:
    name = container_name("shop", "api", 1, "spec", "image")
    assert name == container_name("shop", "api", 1, "spec", "image")
    assert name.startswith("shop-api-1-")
    assert len(name) == len("shop-api-1-") + 7
    others = {container_name("shop", "api", 1, *pair) for pair in (("spec2", "image"), ("spec", "image2"))}
    assert len({name, *others}) == 3


def test_the_names_of_compose_are_kept() -> None:
    assert compose_name("shop", "api", 2) == "shop-api-2"
    assert files_volume_name("shop", "0123456789abcdef") == "shop_files_0123456789ab"


def test_composes_own_commands_see_an_app_as_a_project(
    engine_host: LabHost, compose_oracle: Path, tmp_path: Path
) -> None:
    app = app_with(KEY, networks=("front",), command=["sh", "-c", "echo hello; sleep 1000"])
    engine = connect(Host(name="h1", url=engine_host.unix), EngineSettings())
    engine.create_network(KEY, app.networks[0])
    engine.start(engine.create(intent(app)))
    engine.close()

    def ask(*arguments: str) -> str:
        return compose(compose_oracle, engine_host.unix, tmp_path, *arguments)

    assert "shop_api" in ask("ls")
    assert "running(1)" in ask("ls")
    assert "web" in ask("-p", "shop_api", "ps")
    assert "hello" in ask("-p", "shop_api", "logs")
