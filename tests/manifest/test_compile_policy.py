import time
from datetime import UTC, datetime

import pytest
from manifest.compile_world import HOSTS, app_of, compiled, errors, keys

from gitops_orch.model.app import AppKey, Drift, Hold, Move, Placement, Prune, Rollback, RolloutPolicy

SERVICE = "services: {api: {image: x}}\n"


def policy(text: str) -> str:
    return f"{SERVICE}x-gitops: {text}\n"


def mistakes(text: str) -> list[str]:
    return errors(compiled({"shop/compose.yaml": policy(text)}))


def test_an_app_without_x_gitops_has_the_defaults():
    app = app_of(SERVICE)
    assert app.key == AppKey(namespace="default", name="shop")
    assert (app.rollback, app.move, app.drift, app.prune) == (
        Rollback.AUTO,
        Move.NEVER,
        Drift.ENFORCE,
        Prune.AUTO,
    )
    assert app.rollout == RolloutPolicy()
    assert (app.adopt, app.hold, app.depends_on, app.placement) == (False, None, (), Placement())


def test_x_gitops_is_read_whole():
    text = """
    services: {api: {image: x}}
    x-gitops:
      namespace: team
      placement: {hosts: [edge-1], constraints: ["node.labels.zone == eu"]}
      depends_on: [db, other/queue]
      rollout:
        {healthy_deadline: 1m30s, progress_deadline: 1d, restarts_max: 9, canary: 1, auto_promote: false, max_surge: 2, max_unavailable: 0}
      rollback: off
      move: without-data
      adopt: true
      drift: warn
      prune: never
      hold: {reason: migrating disks, until: 2026-12-01T02:00:00+02:00}
    """
    other = "name: {}\nservices: {{api: {{image: x}}}}\nx-gitops: {{namespace: {}}}\n"
    desired = compiled(
        {
            "shop/compose.yaml": text,
            "a/compose.yaml": other.format("db", "team"),
            "b/compose.yaml": other.format("queue", "other"),
            "hosts/a.yaml": HOSTS,
        }
    )
    assert errors(desired) == []
    app = next(app for app in desired.apps if app.key.name == "shop")
    assert app.placement == Placement(hosts=("edge-1",), constraints=("node.labels.zone == eu",))
    assert app.depends_on == (AppKey(namespace="team", name="db"), AppKey(namespace="other", name="queue"))
    assert app.rollout == RolloutPolicy(
        healthy_deadline_s=90.0,
        progress_deadline_s=86_400.0,
        restarts_max=9,
        canary=1,
        auto_promote=False,
        surge_max=2,
        unavailable_max=0,
    )
    assert (app.rollback, app.move, app.drift, app.prune) == (
        Rollback.OFF,
        Move.WITHOUT_DATA,
        Drift.WARN,
        Prune.NEVER,
    )
    assert app.adopt
    assert app.hold == Hold(reason="migrating disks", until=datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "until", ["2026-12-01T00:00:00Z", "2026-12-01", '"2026-12-01T00:00:00Z"', '"2026-12-01 00:00"']
)
def test_the_end_of_a_hold_may_be_written_as_a_date_or_a_time_and_is_utc(until):
    hold = app_of(policy(f"{{hold: {{reason: x, until: {until}}}}}")).hold
    assert hold is not None
    assert hold.until == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{rolback: auto}", "shop/compose.yaml:2:12: x-gitops.rolback: unknown key; did you mean rollback?"),
        ("{placement: {host: [a]}}", "x-gitops.placement.host: unknown key; did you mean hosts?"),
        ("{rollout: {canary: -1}}", "x-gitops.rollout.canary: must be at least 0, is -1"),
        ("{rollout: {canary: one}}", 'x-gitops.rollout.canary: must be a whole number, is the text "one"'),
        ("{rollout: {healthy_deadline: 5}}", "must be text, is the number 5; quote it"),
        ("{rollout: {healthy_deadline: 5 minutes}}", "must be a duration such as 30s or 1m30s"),
        ("{rollback: maybe}", 'must be one of auto, hold, off, is the text "maybe"'),
        ("{adopt: 1}", "x-gitops.adopt: must be true or false, is the number 1"),
        ("{namespace: Team}", "x-gitops.namespace: must be a name of lower-case letters"),
        ("{placement: {constraints: [zone is eu]}}", "must be a constraint such as node.labels.zone == eu"),
        ("{placement: {hosts: [edge-9]}}", "x-gitops.placement.hosts: host edge-9 is not declared"),
        ("{depends_on: [db]}", "x-gitops.depends_on: there is no app default/db"),
        ("{hold: {until: 2026-12-01}}", "x-gitops.hold: reason is missing"),
        ("{hold: {reason: x, until: tomorrow}}", "x-gitops.hold.until: must be a time such as"),
        ("[]", "x-gitops: must be a mapping, is a list"),
    ],
)
def test_a_mistake_in_x_gitops_is_named_with_its_place_and_what_was_expected(text, message):
    found = mistakes(text)
    assert any(message in error for error in found), found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{statefull: true}", "services.api.x-gitops.statefull: unknown key; did you mean stateful?"),
        ("{stateful: 1}", "services.api.x-gitops.stateful: must be true or false"),
        ("{readiness: {interval: 1s}}", "readiness: one of http, tcp, exec is needed, and 0 are given"),
        ("{readiness: {tcp: {port: 80}, exec: [x]}}", "one of http, tcp, exec is needed, and 2 are given"),
        ("{readiness: {tcp: {port: 80}, interval: 0s}}", "readiness.interval: must be longer than 0s"),
        ("{readiness: {http: {port: 80, path: ready}}}", "must be a path such as /ready"),
        ("{reload: SIGKILL}", "services.api.x-gitops.reload: SIGKILL is no signal to reload by"),
        ("{reload: SIGNOPE}", "services.api.x-gitops.reload: SIGNOPE is no signal to reload by"),
    ],
)
def test_a_mistake_in_a_services_x_gitops_is_named(text, message):
    found = errors(compiled({"shop/compose.yaml": f"services: {{api: {{image: x, x-gitops: {text}}}}}\n"}))
    assert any(message in error for error in found), found


def test_a_bad_namespace_leaves_the_apps_name_unknown_so_that_nothing_is_pruned_by_it():
    desired = compiled({"shop/compose.yaml": policy("{namespace: Team}")})
    assert desired.invalid_paths == ("shop/compose.yaml",)
    assert desired.invalid_apps == ()


def test_an_app_with_a_mistake_is_broken_under_its_name_and_the_others_go_on():
    desired = compiled({"shop/compose.yaml": policy("{rolback: auto}"), "web/compose.yaml": SERVICE})
    assert [str(key) for key in desired.invalid_apps] == ["default/shop"]
    assert keys(desired) == ["default/web"]
    assert desired.complete
    assert desired.invalid_paths == ()


def test_a_hold_does_not_change_the_digest_and_a_rollout_knob_does():
    base = app_of(SERVICE).digest
    assert app_of(policy("{hold: {reason: x}}")).digest == base
    assert app_of(policy("{rollback: off}")).digest != base


def test_the_controllers_time_zone_does_not_decide_when_a_hold_ends(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        hold = app_of(policy('{hold: {reason: y, until: "2026-12-02 00:00"}}')).hold
    finally:
        monkeypatch.undo()
        time.tzset()
    assert hold is not None
    assert hold.until == datetime(2026, 12, 2, tzinfo=UTC)


def test_a_readiness_probe_is_read_with_its_defaults():
    text = (
        "services: {api: {image: x, x-gitops: {readiness: {http: {port: 8080, path: /ready}, retries: 5}}}}\n"
    )
    probe = app_of(text).service("api").readiness
    assert (probe.port, probe.path, probe.command, probe.retries) == (8080, "/ready", (), 5)
    assert (probe.interval_s, probe.timeout_s) == (2.0, 3.0)


def test_a_readiness_probe_is_part_of_the_release():
    text = "services: {api: {image: x%s}}\n"
    digests = {
        app_of(text % more).digest
        for more in (
            "",
            ", x-gitops: {readiness: {tcp: {port: 1}}}",
            ", x-gitops: {readiness: {tcp: {port: 2}}}",
        )
    }
    assert len(digests) == 3


def test_a_job_has_no_readiness():
    text = """
        services:
          once: {image: x, x-gitops: {readiness: {tcp: {port: 1}}}}
          api: {image: x, depends_on: {once: {condition: service_completed_successfully}}}
        """
    found = errors(compiled({"shop/compose.yaml": text}))
    assert any("services.once.x-gitops.readiness: a job ends" in error for error in found), found


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_in_utc_is_a_mistake_at_its_line(until):
    (found,) = mistakes(f"{{hold: {{reason: later, until: '{until}'}}}}")
    assert found.startswith("shop/compose.yaml:2:34: x-gitops.hold.until: must be a time such as")
