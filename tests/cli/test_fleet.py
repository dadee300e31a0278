"""The command line on a fleet of simulated hosts: what is printed, and the exit codes that scripts build on."""

import json
import subprocess

import pytest
from command_line import HOST, app

pytestmark = pytest.mark.waits

PLAN_KEYS = ["commit", "digest", "actions", "holds", "refusals", "unknown_hosts"]
ACTION_KEYS = [
    "id",
    "kind",
    "host",
    "namespace",
    "app",
    "service",
    "slot",
    "name",
    "reason",
    "changes",
    "after",
]
APP_KEYS = [
    *(
        "namespace",
        "app",
        "sync",
        "health",
        "fresh",
        "commit",
        "release",
        "release_state",
        "hosts",
        "services",
    )
]


def test_a_new_repository_is_planned_synced_and_then_has_nothing_to_do(gitops, repository):
    assert gitops("plan").code == 2
    assert gitops("sync").code == 0
    assert gitops("plan").code == 0
    assert gitops("status").code == 0
    assert gitops("diff").code == 0


def test_plan_prints_exactly_the_keys_of_the_contract(gitops, repository):
    plan = gitops("plan", "-o", "json").json
    assert list(plan) == PLAN_KEYS
    assert plan["commit"] == repository.head()
    assert all(list(action) == ACTION_KEYS for action in plan["actions"])
    created = next(action for action in plan["actions"] if action["kind"] == "create")
    assert (created["host"], created["namespace"], created["app"]) == ("edge-1", "default", "shop")
    assert (created["service"], created["slot"]) == ("api", 1)
    assert created["name"].startswith("shop-api-1-")
    assert created["reason"]
    assert set(created["after"]) <= {action["id"] for action in plan["actions"]}


def test_a_plan_changes_nothing(gitops):
    before = gitops("plan", "-o", "json").json
    assert gitops("plan", "-o", "json").json == before


def test_sync_prints_exactly_the_keys_of_the_contract(gitops, repository):
    planned = gitops("plan", "-o", "json").json
    run = gitops("sync", "-o", "json").json
    assert list(run) == [
        *("commit", "status", "plan_digest", "duration_ms", "observe_ms", "plan_ms", "actions", "apps")
    ]
    assert (run["commit"], run["status"], run["plan_digest"]) == (
        repository.head(),
        "in-sync",
        planned["digest"],
    )
    assert all(list(action) == [*ACTION_KEYS, "result", "duration_ms"] for action in run["actions"])
    assert {action["result"] for action in run["actions"]} == {"done"}
    assert [list(row) for row in run["apps"]] == [APP_KEYS]


def test_status_prints_exactly_the_keys_of_the_contract(gitops, repository):
    gitops("sync")
    status = gitops("status", "-o", "json").json
    assert list(status) == ["commit", "fetched_at", "apps", "hosts"]
    (row,) = status["apps"]
    assert list(row) == APP_KEYS
    assert (row["sync"], row["health"], row["fresh"], row["release_state"]) == (
        *("in-sync", "healthy", True, "stable"),
    )
    assert (row["commit"], row["hosts"]) == (repository.head(), ["edge-1"])
    (host,) = status["hosts"]
    assert list(host) == ["name", "state", "observed_at", "engine_version"]
    assert (host["name"], host["state"]) == ("edge-1", "active")


def test_status_is_not_well_before_the_first_sync(gitops):
    answer = gitops("status", "-o", "json")
    assert answer.code == 2
    assert answer.json["apps"][0]["sync"] == "out-of-sync"


def test_diff_shows_a_changed_field_from_what_runs_to_what_git_wants(gitops, repository):
    gitops("sync")
    repository.commit(shop__compose=app("green"))
    answer = gitops("diff", "shop", "-o", "json")
    assert answer.code == 2
    (row,) = [row for row in answer.json["changes"] if row["path"].endswith("COLOUR")]
    assert (row["from"], row["to"]) == ("blue", "green")
    assert "blue" in gitops("diff").out


def test_diff_shows_what_is_missing_and_what_left_git_as_one_field_each(gitops, repository):
    (made,) = [
        row for row in gitops("diff", "shop", "-o", "json").json["changes"] if row["path"] == "container"
    ]
    assert (made["from"], made["to"]) == (None, made["name"])
    gitops("sync")
    repository.commit(shop__compose=None, mail__compose=app())
    (left,) = [
        row for row in gitops("diff", "shop", "-o", "json").json["changes"] if row["path"] == "container"
    ]
    assert (left["from"], left["to"]) == (made["name"], None)


def test_a_diff_names_the_app_that_cannot_be_compared(gitops, repository):
    gitops("sync")
    repository.commit(shop__compose="services: [broken")
    for answer in (gitops("diff"), gitops("diff", "shop")):
        assert answer.code == 1
        assert "nothing differs" not in answer.out
        assert "held: default/shop: keeps what it runs" in answer.out


def test_an_empty_value_is_shown_as_such(gitops, repository):
    repository.commit(shop__compose=app('""'))
    gitops("sync")
    repository.commit(shop__compose=app("green"))
    assert 'environment.COLOUR: "" -> green' in gitops("diff").out


def test_explain_has_the_creation_as_its_reason_and_each_event_once(gitops):
    gitops("sync")
    (row,) = gitops("logs", "shop", "-o", "json").json["containers"]
    text = gitops("explain", row["name"]).out
    why, timeline = text.split("why:")[1].split("timeline:")
    assert "create done: slot 1 of api is missing" in why
    assert len(why.strip().splitlines()) == 1
    assert timeline.count("create done") == 1


def test_a_missing_option_names_the_help_of_its_verb(gitops):
    assert "see gitops-orch hold --help" in gitops("hold", "shop").err
    assert "see gitops-orch logs --help" in gitops("logs").err
    assert "see gitops-orch --help" in gitops("nonsense").err


def test_a_diff_of_one_app_is_silent_about_the_others(gitops, repository):
    gitops("sync")
    repository.commit(mail__compose=app())
    assert gitops("diff", "shop").code == 0
    assert gitops("diff", "mail").code == 2


def test_an_app_that_is_not_there_is_an_error_with_a_suggestion(gitops):
    answer = gitops("diff", "shpo")
    assert answer.code == 1
    assert "there is no app shpo" in answer.err
    assert "shop" in answer.err


def test_a_host_that_is_not_there_is_unknown_and_its_apps_are(gitops, repository, tmp_path):
    gitops("sync")
    silent = HOST.replace("sim://edge-1", f"unix://{tmp_path}/nobody.sock")
    repository.commit(hosts__edge=silent)
    plan = gitops("plan", "-o", "json")
    assert (plan.code, plan.json["unknown_hosts"]) == (3, ["edge-1"])
    assert plan.json["actions"] == []
    assert gitops("status").code == 3
    assert gitops("sync").code == 3
    assert gitops("hosts").code == 1


def test_a_file_with_a_mistake_is_an_error_and_its_app_stays_as_it_is(gitops, repository):
    gitops("sync")
    repository.commit(shop__compose=app().replace("image", "imgae"))
    plan = gitops("plan", "-o", "json")
    assert plan.code == 1
    assert plan.json["actions"] == []
    assert plan.json["problems"][0]["message"] == "services.api.imgae: unknown key; did you mean image?"
    assert gitops("sync").code == 1


def test_a_repository_that_vanished_is_an_error_and_nothing_is_touched(gitops, repository, tmp_path):
    gitops("sync")
    repository.path.rename(tmp_path / "elsewhere")
    plan = gitops("plan", "-o", "json")
    assert (plan.code, plan.json["actions"]) == (1, [])
    assert gitops("sync").code == 1


def test_history_shows_runs_and_releases_newest_first(gitops, repository):
    first = repository.head()
    gitops("sync")
    second = repository.commit(shop__compose=app("green"))
    gitops("sync")
    history = gitops("history", "-o", "json").json
    assert [run["commit"] for run in history["runs"]] == [second, first]
    assert [row["commit"] for row in history["releases"]] == [second, first]
    run = history["runs"][0]
    assert (run["trigger"], run["status"], run["exit_code"]) == ("sync", "in-sync", 0)
    assert "Ann" in run["author"]
    assert run["plan"]["digest"] == run["plan_digest"]
    (image,) = history["releases"][0]["images"]
    assert (image["service"], image["host"], image["reference"]) == ("api", "edge-1", "shop/api:1")
    assert image["image_id"].startswith("sha256:")
    assert gitops("history", "shop").code == 0


def test_explain_says_which_commit_and_which_reason_made_a_container(gitops, repository):
    run = gitops("sync", "-o", "json").json
    name = next(action["name"] for action in run["actions"] if action["kind"] == "create")
    answer = gitops("explain", name, "-o", "json")
    assert answer.code == 0
    assert answer.json["commit"] == repository.head()
    assert "Ann" in answer.json["author"]
    assert (answer.json["reasons"][0]["kind"], answer.json["reasons"][0]["result"]) == ("create", "done")
    assert answer.json["timeline"][0]["event"] == "create done"
    assert name in gitops("explain", name).out


def test_explaining_a_container_that_is_nowhere_is_an_error(gitops):
    gitops("sync")
    answer = gitops("explain", "nobody")
    assert answer.code == 1
    assert "there is no container nobody" in answer.err
    assert "see docker ps -a" in answer.err


@pytest.mark.parametrize("asked", ["shop-api-1", "shop-api", "shop-api-1-0000000"])
def test_explaining_part_of_a_name_offers_the_whole_one(gitops, asked):
    gitops("sync")
    (name,) = [line.split(" | ")[0].split("/")[-1] for line in gitops("logs", "shop").out.splitlines()]
    answer = gitops("explain", asked)
    assert answer.code == 1
    assert f"did you mean {name}?" in answer.err


def test_hosts_shows_the_fleet(gitops):
    answer = gitops("hosts", "-o", "json")
    assert answer.code == 0
    assert [host["name"] for host in answer.json["hosts"]] == ["edge-1"]


def test_logs_prints_the_lines_of_an_app_and_of_a_service(gitops):
    gitops("sync")
    assert gitops("logs", "shop").code == 0
    rows = gitops("logs", "shop/api", "-o", "json").json["containers"]
    assert [(row["host"], row["service"]) for row in rows] == [("edge-1", "api")]
    assert gitops("logs", "shop/nope").code == 1


def test_doctor_is_well_on_a_working_set_up(gitops):
    answer = gitops("doctor", "-o", "json")
    assert answer.code == 0
    names = [check["check"] for check in answer.json["checks"]]
    assert names == ["settings", "state", "disk", "git", "clock", "lease", "host edge-1"]


def test_doctor_names_what_fails_and_what_would_help(gitops, repository, tmp_path):
    repository.commit(hosts__edge=HOST.replace("sim://edge-1", f"unix://{tmp_path}/nobody.sock"))
    answer = gitops("doctor", "-o", "json")
    assert answer.code == 1
    (failed,) = [check for check in answer.json["checks"] if not check["ok"]]
    assert failed["check"] == "host edge-1"
    assert "systemctl start docker" in failed["fix"]


@pytest.mark.parametrize("branch", ["main", "nonsense"])
def test_doctor_reports_a_repository_that_cannot_be_read_once(gitops, tmp_path, branch):
    empty = tmp_path / "empty.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(empty)], check=True)
    answer = gitops("doctor", "--repo", str(empty), "--branch", branch, "-o", "json")
    assert answer.code == 1
    assert [check["check"] for check in answer.json["checks"] if not check["ok"]] == ["git"]


def test_a_test_message_without_a_service_names_the_setting(gitops):
    answer = gitops("notify", "test")
    assert answer.code == 1
    assert "notify.urls_file" in answer.err


def test_a_test_message_says_for_each_url_whether_it_was_delivered(gitops, tmp_path, monkeypatch):
    urls = tmp_path / "urls"
    urls.write_text("json://127.0.0.1:1/\n")
    monkeypatch.setenv("GITOPS_ORCH_NOTIFY__URLS_FILE", str(urls))
    answer = gitops("notify", "test")
    assert answer.code == 1
    assert "URL 1: not delivered" in answer.out
    assert gitops("notify", "nonsense").code == 1


def test_doctor_names_the_registry_without_credentials(gitops, tmp_path, monkeypatch):
    file = tmp_path / "config.json"
    file.write_text('{"auths": {"registry.example:5001": {}}, "credsStore": "desktop"}')
    monkeypatch.setenv("GITOPS_ORCH_REGISTRIES", str(file))
    answer = gitops("doctor", "-o", "json")
    (failed,) = [check for check in answer.json["checks"] if not check["ok"]]
    assert failed["check"] == "registries"
    assert "no credentials for registry.example:5001" in failed["found"]
    assert "docker-credential-desktop" in failed["found"]
    assert "set credential_helpers" in failed["fix"]


def test_options_may_stand_before_or_after_the_command(call, repository):
    url = str(repository.path)
    before = call("--repo", url, "-o", "json", "plan")
    after = call("plan", "--repo", url, "-o", "json")
    assert before.code == after.code == 2
    assert before.json == after.json


def test_the_option_that_stands_nearer_to_the_command_wins(call, repository):
    assert call("--repo", "/nowhere", "plan", "--repo", str(repository.path)).code == 2


def test_a_relative_repository_is_one_from_here(call, repository, monkeypatch):
    monkeypatch.chdir(repository.path.parent)
    assert call("plan", "--repo", "fleet").code == 2


def test_without_a_repository_the_way_out_is_named(call):
    answer = call("sync")
    assert answer.code == 1
    assert "pass --repo URL, or set repository.url" in answer.err


@pytest.mark.parametrize("arguments", [("pln",), ("plan", "--nope"), ("explain",), ("plan", "-o", "xml")])
def test_a_mistake_on_the_command_line_is_an_error_and_never_means_changes(call, arguments):
    answer = call(*arguments)
    assert answer.code == 1
    assert answer.err.startswith("gitops-orch: ")
    assert "Traceback" not in answer.err


def test_an_error_is_a_json_document_too(call):
    answer = call("sync", "-o", "json")
    assert answer.code == 1
    assert set(json.loads(answer.out)) == {"error", "hint"}


def test_settings_that_are_wrong_are_told_with_their_place(call, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("repository: {ulr: x}\n")
    answer = call("plan", "--config", str(file))
    assert answer.code == 1
    assert f"{file}:1:14: repository.ulr: unknown key; did you mean url?" in answer.err
