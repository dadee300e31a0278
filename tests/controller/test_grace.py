"""However a container ends, it has the time that the file it was made from gave it (`stop_grace_period`)."""

import pytest
from simulation import tampering

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.plan.kinds import Kind
from gitops_orch.model.status import Outcome
from tests.story import Scenario

STUBBORN = {"db:1": ImageBehaviour(ignores_term=True), "db:2": ImageBehaviour(ignores_term=True)}
APP = "shop/compose.yaml"
WEB = "  web: {image: web:1}\n"
QUICK = "    deploy: {update_config: {monitor: 1ms}}\n"


def database(grace, *, name="db", image="db:1", more=""):
    return f"  {name}:\n    image: {image}\n    stop_grace_period: {grace}\n{QUICK}{more}"


def services(*texts):
    return "services:\n" + "".join(texts)


def stops(report):
    """How many seconds the stops of databases took."""
    return [
        round(result.duration_ms / 1000)
        for result in report.results
        if result.action.kind is Kind.STOP
        and result.action.service == "db"
        and result.outcome is Outcome.DONE
    ]


FIXED_PORT = "    ports: ['5432:5432']\n"
OTHER = {"other/compose.yaml": services("  web: {image: web:1, scale: 6}\n")}
TWICE = "    scale: 2\n"
BEFORE = services(WEB, database("30s"))
CHANGES = {
    "its service leaves the file": (BEFORE, {APP: services(WEB)}),
    "its service gets another name": (BEFORE, {APP: services(WEB, database("5s", name="postgres"))}),
    "its app leaves Git": (BEFORE, {}),
    "it is replaced start-first, and the new file gives it less": (
        BEFORE,
        {APP: services(WEB, database("5s", image="db:2"))},
    ),
    "it is replaced stop-first, and the new file gives it less": (
        services(WEB, database("30s", more=FIXED_PORT)),
        {APP: services(WEB, database("5s", image="db:2", more=FIXED_PORT))},
    ),
    "fewer replicas are wanted, and the new file gives them more": (
        services(WEB, database("30s", more=TWICE)),
        {APP: services(WEB, database("30s"))},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_stopped_has_the_time_that_its_own_file_gave_it_when(change):
    before, after = CHANGES[change]
    story = Scenario(STUBBORN)
    story.commit({APP: before} | OTHER)
    assert story.sync().exit_code == 0
    story.commit(after | OTHER)
    assert stops(story.sync()) == [30]
    assert story.plan().actions == ()


def test_what_failed_has_the_time_that_its_own_file_gave_it():
    sick = ImageBehaviour(ignores_term=True, healthcheck=True, healthy_after_s=None, unhealthy_after_s=1.0)
    story = Scenario({**STUBBORN, "db:2": sick})
    story.commit({APP: services(database("30s"))})
    story.sync()
    story.commit({APP: services(database("45s", image="db:2"))})
    report = story.sync()
    assert report.exit_code == 4
    assert stops(report) == [45]


def test_a_container_that_is_taken_over_has_the_time_that_it_was_started_with():
    story = Scenario(STUBBORN)
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "db",
        "com.docker.compose.container-number": "1",
    }
    old = tampering.run_foreign(story.world, "shop-db-1", labels=labels, grace_s=77.0)
    old.behaviour = STUBBORN["db:1"]
    story.commit({APP: "x-gitops: {adopt: true}\n" + services(database("5s"))})
    report = story.sync()
    assert [round(r.duration_ms / 1000) for r in report.results if r.action.kind is Kind.STOP] == [77]


def test_a_service_without_a_grace_period_has_the_ten_seconds_of_the_engine():
    story = Scenario(STUBBORN)
    story.commit({APP: services(WEB, f"  db:\n    image: db:1\n{QUICK}")})
    story.sync()
    story.commit({APP: services(WEB)})
    assert stops(story.sync()) == [10]
