"""A Fleet document that vanishes or empties is held, as an emptied repository is."""

import pytest

from tests.faults.test_y_broken_files import forget
from tests.story import Scenario

HEAD = "apiVersion: gitops-orch/v1\nkind: Fleet\nmetadata: {name: acme}\n"
FLEET = HEAD + "spec:\n  variables: {DOMAIN: example.org, TZ: UTC}\n  prune: {removals_max: 50%}\n"
APP = {"shop/compose.yaml": "services: {web: {image: 'stub:1', environment: {D: '${DOMAIN:-none}'}}}\n"}
LOSSES = {
    "deleted": None,
    "emptied": "",
    "only a comment": "# moved\n",
    "null": "null\n",
    "without spec": HEAD,
    "with an empty spec": HEAD + "spec: {}\n",
    "without its variables": HEAD + "spec:\n  prune: {removals_max: 50%}\n",
}


def files(fleet: str | None, **more: str) -> dict[str, str]:
    return {**APP, **more} if fleet is None else {**APP, **more, "gitops.yaml": fleet}


@pytest.fixture
def deployed() -> Scenario:
    story = Scenario()
    story.commit(files(FLEET))
    assert story.sync().exit_code == 0
    return story


@pytest.mark.parametrize("fleet", LOSSES.values(), ids=LOSSES.keys())
def test_a_fleet_document_that_is_lost_redeploys_nothing(deployed, fleet):
    before = set(deployed.world.containers)
    for more in (
        {},
        {"new/compose.yaml": "services: {web: {image: 'stub:1'}}\n"},
    ):  # and the commits after it
        deployed.commit(files(fleet, **more))
        report = deployed.sync()
        assert set(deployed.world.containers) == before
        assert report.exit_code == 1
    assert "loses all variables of the Fleet document (DOMAIN, TZ)" in report.final_status.error
    assert "write `variables: {}` below spec in gitops.yaml" in report.final_status.error
    assert f"gitops-orch accept {deployed.source.fetch()[:12]}" in report.final_status.error


@pytest.mark.parametrize("fleet", LOSSES.values(), ids=LOSSES.keys())
def test_the_loss_is_carried_out_once_it_is_accepted(deployed, fleet):
    deployed.commit(files(fleet))
    deployed.sync()
    deployed.history.accept(deployed.source.fetch())
    assert deployed.sync().exit_code == 0
    deployed.commit(files(fleet, README="next"))
    assert deployed.sync().exit_code == 0


@pytest.mark.parametrize(
    "spec",
    ["spec: {variables: {}}\n", "spec: {variables: {TZ: UTC}}\n", "spec: {variables: {DOMAIN: other}}\n"],
)
def test_what_a_person_wrote_is_a_wish(deployed, spec):
    deployed.commit(files(HEAD + spec))
    report = deployed.sync()
    assert (report.exit_code, report.final_status.error) == (0, "")


def test_a_document_without_variables_that_is_deleted_is_held_for_its_rules():
    story = Scenario()
    story.commit(files(HEAD + "spec: {defaults: {prune: never}}\n"))
    story.sync()
    story.commit(files(None))
    assert "loses all of the Fleet document (defaults)" in story.sync().final_status.error


def test_a_repository_that_never_declared_a_fleet_is_not_asked_for_one():
    story = Scenario()
    for number in range(2):
        story.commit(files(None, README=str(number)))
        assert story.sync().exit_code == 0


def test_a_document_that_cannot_be_read_stops_the_whole_commit(deployed):
    before = set(deployed.world.containers)
    for fleet in ("spec: [\n", "- a list\n", "kind: Fleet\nspec: {variable: {}}\n", b"x" * 1_100_000):
        deployed.commit(files(fleet))
        assert "cannot be acted on: gitops.yaml" in deployed.sync().final_status.error
        assert set(deployed.world.containers) == before


def test_without_history_there_is_nothing_to_compare_with(deployed):
    forget(deployed)
    deployed.commit(files(None))
    assert deployed.sync().exit_code == 0
