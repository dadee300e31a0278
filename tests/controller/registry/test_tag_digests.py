"""Tags that are pushed again, on a simulated host: when a registry is asked, and what its answer leads to."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from simulation import tampering
from structlog.testing import capture_logs

from gitops_orch.controller.registry.tag_digests import TagCheck
from gitops_orch.controller.registry.tag_history import (
    Checked,
    TagRecords,
    read_tag_records,
    tag_records_text,
)
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.app import AppKey
from gitops_orch.model.status import RunReport
from tests.story import Scenario

WEB = AppKey(namespace="default", name="web")
A, B, C = (ImageBehaviour(variant=word) for word in "abc")
CRASHES = ImageBehaviour(variant="bad", exits_after_s=0.2, exit_code=1)


def compose(policy: str | None = "always", **more: object) -> dict[str, str]:
    front = {"image": "web:prod", **({"pull_policy": policy} if policy else {}), **more}
    return {"apps/web/compose.yaml": json.dumps({"services": {"front": front}})}


def deployed(policy: str | None = "always", **more: object) -> Scenario:
    story = Scenario({"web:prod": A})
    if policy in {"never", "build"}:
        story.commit(compose(None, **more))  # so that its image is on the host
        story.sync()
    story.commit(compose(policy, **more))
    story.sync()
    return story


def push(story: Scenario, behaviour: ImageBehaviour) -> None:
    story.fleet.registry.push("web:prod", behaviour)


def runs(story: Scenario) -> str:
    """Return which bytes run."""
    (up,) = [each for each in story.world.containers.values() if each.state.value == "running"]
    return up.behaviour.variant


def pull(story: Scenario) -> RunReport:
    return story.reconciler.run(trigger="sync", tags=TagCheck(now=True, everything=True))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The references that registries were asked for."""
    found: list[str] = []
    look_up = SimulatedEngine.registry_digest

    def noting(engine: SimulatedEngine, image: str) -> str:
        found.append(image)
        return look_up(engine, image)

    monkeypatch.setattr(SimulatedEngine, "registry_digest", noting)
    return found


def test_with_always_a_push_is_rolled_out_at_the_next_run_and_then_nothing_more() -> None:
    story = deployed()
    push(story, B)
    story.sync()
    assert runs(story) == "b"
    assert story.sync().results == ()


@pytest.mark.parametrize("policy", [None, "missing", "if_not_present", "never", "build"])
def test_without_a_policy_that_asks_again_no_registry_is_asked(policy: str | None, asked: list[str]) -> None:
    story = deployed(policy)
    push(story, B)
    story.sync()
    assert asked == []
    assert runs(story) == "a"


@pytest.mark.parametrize(
    ("policy", "bytes_now"), [(None, "b"), ("missing", "b"), ("never", "a"), ("build", "a")]
)
def test_sync_pull_checks_what_a_policy_does_not_forbid(policy: str | None, bytes_now: str) -> None:
    story = deployed(policy)
    push(story, B)
    pull(story)
    assert runs(story) == bytes_now
    assert story.sync().results == ()


@pytest.mark.parametrize(
    ("policy", "period_s"), [("every_2h", 7200), ("daily", 86400), ("weekly", 7 * 86400)]
)
def test_a_timed_policy_asks_once_in_its_period_whatever_restarts(
    policy: str, period_s: float, asked: list[str]
) -> None:
    story = deployed(policy)
    push(story, B)
    for bytes_now in ("b", "c"):
        story.clock.sleep(period_s - 120)
        story.reconciler = story._reconciler()
        before = (list(asked), runs(story))
        story.sync()
        assert (asked, runs(story)) == before

        story.clock.sleep(180)
        story.sync()
        assert (len(asked), runs(story)) == (len(before[0]) + 1, bytes_now)
        push(story, C)


def test_a_pull_for_another_reason_is_an_answer_too_and_is_not_undone(asked: list[str]) -> None:
    story = deployed("weekly")
    story.sync()
    push(story, B)
    story.commit(compose("weekly", environment={"COLOUR": "green"}))
    story.sync()
    assert runs(story) == "b"
    assert story.sync().results == ()
    assert (asked, runs(story)) == ([], "b")


@pytest.mark.parametrize("policy", ["always", "daily", None])
def test_bytes_that_fail_go_back_and_are_not_tried_again_by_any_process(policy: str | None) -> None:
    story = deployed(policy)
    push(story, CRASHES)
    report = pull(story)
    assert runs(story) == "a"
    assert report.exit_code == 4

    story.reconciler = story._reconciler()
    assert story.sync().results == ()
    assert pull(story).results == ()
    assert runs(story) == "a"

    push(story, B)
    pull(story)
    assert runs(story) == "b"


def test_retry_tries_bytes_that_failed_once_more() -> None:
    story = deployed()
    push(story, CRASHES)
    story.sync()
    app = story.reconciler._loader.load(fetch=False).desired.apps[0]
    assert story.reconciler.reset(WEB, app)
    assert not story.reconciler.reset(WEB, app)
    assert story.sync().exit_code == 4
    assert runs(story) == "a"


def test_what_is_gone_back_to_is_what_ran_last_though_older_bytes_came_back() -> None:
    story = deployed()
    for behaviour in (B, A, CRASHES):
        push(story, behaviour)
        story.sync()
    assert runs(story) == "a"


def test_a_container_of_bytes_that_did_well_before_is_no_proof_against_them() -> None:
    story = deployed()
    story.sync()
    (front,) = story.world.containers.values()
    front.behaviour = CRASHES  # something besides the bytes breaks it
    story.world.containers.clear()
    story.sync()
    assert not read_tag_records(story.history.tags()).failed


def test_a_registry_that_is_down_changes_nothing_and_is_reported_once() -> None:
    story = deployed()
    push(story, B)
    story.fleet.registry.outage = "connection refused"
    with capture_logs() as logs:
        assert [story.sync().results for _ in range(3)] == [()] * 3
        story.fleet.registry.outage = ""
        story.sync()
    told = [row["event"] for row in logs if row["event"].startswith("registry.")]
    assert told == ["registry.silent", "registry.answers"]
    assert runs(story) == "b"


def test_a_run_of_named_apps_asks_only_for_their_tags(asked: list[str]) -> None:
    story = Scenario({"web:prod": A})
    other = {
        "apps/other/compose.yaml": json.dumps(
            {"services": {"o": {"image": "other:1", "pull_policy": "always"}}}
        )
    }
    story.commit({**compose(), **other})
    story.sync()
    story.reconciler.run(trigger="sync", apps=frozenset({WEB}))
    assert asked == ["web:prod"]


def test_a_book_that_cannot_be_read_is_empty_and_one_that_was_written_is_the_same() -> None:
    story = deployed()
    book = TagRecords(
        known={"web:prod": Checked("sha256:1", story.clock.now())},
        failed={"web:prod": {"sha256:0": "it exited"}},
    )
    assert read_tag_records(tag_records_text(book)) == book
    for text in (None, "", "{", "[]", '{"known": {"a": 1}}', '{"failed": 3}'):
        assert read_tag_records(text) == TagRecords()


@pytest.mark.parametrize("policy", ["always", "daily", "every_12h"])
def test_one_container_is_created_where_the_first_pull_brings_newer_bytes_than_the_host_had(policy):
    story = Scenario({"web:prod": A})
    requests.pull(story.world, story.fleet.registry, "web:prod")
    push(story, B)
    story.commit(compose(policy))
    story.sync()
    (made,) = story.world.containers
    story.sync()
    assert (list(story.world.containers), runs(story)) == ([made], "b")


@pytest.mark.parametrize("again", [B, C])
def test_a_container_that_a_person_renamed_after_its_tag_was_pushed_again_stays_ours(again):
    story = deployed()
    push(story, again)
    pull(story)
    (up,) = [each for each in story.world.containers.values() if each.state.value == "running"]
    tampering.rename(story.world, up)
    story.sync()
    story.sync()
    assert not up.name.endswith("-by-hand")
    assert (runs(story), story.plan().actions, story.plan().holds) == (again.variant, (), ())


def test_an_operators_retry_does_not_wait_for_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    story, real, answers = deployed(), SimulatedEngine.registry_digest, []
    with ThreadPoolExecutor(1) as operator:

        def resets_meanwhile(engine: SimulatedEngine, image: str) -> str:
            answers.append(operator.submit(story.reconciler.reset, WEB).result(timeout=30))
            return real(engine, image)

        monkeypatch.setattr(SimulatedEngine, "registry_digest", resets_meanwhile)
        pull(story)
    assert answers == [False]
