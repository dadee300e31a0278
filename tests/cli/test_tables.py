"""Every table can be read at 80 and at 120 columns; what it looks like stands in tests/golden/terminal.

`GOLDEN=write pytest tests/cli/test_tables.py` writes the files anew: look at each of them before they are committed.
"""

import io
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from gitops_orch.cli.render.layout import sentence
from gitops_orch.cli.render.plan_text import render_diff, render_plan, render_run
from gitops_orch.cli.render.record_text import render_history
from gitops_orch.cli.render.status_text import render_hosts, render_status

GOLDEN = Path(__file__).parents[1] / "golden/terminal"
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
QUARANTINED = (
    "release 41c82f9d02aa failed and is not tried again until the app changes or `gitops-orch retry default/shop-api` is run: "
    "shop-api-1-ccf9298 on rack-03.frankfurt.example.org: was unhealthy for 30 s; its last words: "
    "curl: (7) Failed to connect to localhost port 8080 after 0 ms: Couldn't connect to server"
)
PULL = "registry.example.org/team/backend:2026.11.30-rc1: manifest unknown: manifest unknown"


def app(name: str, **over):
    row = {
        "namespace": "default",
        "app": name,
        "sync": "in-sync",
        "health": "healthy",
        "fresh": True,
        "commit": COMMIT,
        "release": "9f" * 32,
        "release_state": "stable",
        "hosts": ["edge-1"],
        "services": [service("web", 2, 2)],
    }
    return row | over


def service(name: str, healthy: int, desired: int):
    image = f"registry.example.org/team/{name}:2026.11.30"
    counts = {"desired": desired, "running": healthy, "healthy": healthy}
    return {"name": name, **counts, "image": image, "hosts": ["edge-1"]}


def host(name: str, state: str = "active", at: str | None = "2026-11-30T12:00:00+00:00", **over):
    return {"name": name, "state": state, "observed_at": at, "engine_version": "26.1.4", **over}


def action(kind: str, name: str, **over):
    row = {
        "id": f"{kind}/{name}",
        "kind": kind,
        "host": "edge-1",
        "namespace": "default",
        "app": "shop",
        "service": "api",
        "slot": 1,
        "name": name,
        "reason": "slot 1 of api is missing",
        "changes": [],
        "after": [],
    }
    return row | over


def change(path: str, before: str | None, after: str | None):
    return {"path": path, "from": before, "to": after}


def diff_row(name: str, path: str, before: str | None, after: str | None):
    row = action("create", name)
    kept = {key: row[key] for key in ("kind", "host", "namespace", "app", "service", "slot", "name")}
    return kept | change(path, before, after)


def run_row(number: int, **over):
    row = {
        "id": f"{number:032x}",
        "commit": COMMIT,
        "author": "Ann Example <ann.example@engineering.example.org>",
        "subject": "Move the shop to the new database, and give each worker its own queue",
        "trigger": "poll",
        "started_at": f"2026-11-30T11:0{number}:00+00:00",
        "duration_ms": 12_345,
        "status": "in-sync",
        "exit_code": 0,
        "plan_digest": "77aa66bb" * 8,
    }
    return row | over


def release_row(name: str, **over):
    row = {
        "namespace": "default",
        "app": name,
        "digest": "41c82f9d02aa" * 4,
        "commit": COMMIT,
        "state": "stable",
        "reason": "",
        "at": "2026-11-30T11:00:00+00:00",
        "images": [],
    }
    return row | over


CHANGES = [
    change("cap_add", None, "SYS_ADMIN"),
    change("ports", "8080:80", "8081:80"),
    change("environment.DB_PASSWORD", "***", "*** (changed)"),
    change("healthcheck.test", "curl -fsS http://localhost:8080/healthz", None),
    change(
        "command",
        "serve --listen 0.0.0.0:8080 --workers 4 --log-format json",
        "serve --listen 0.0.0.0:8080 --workers 8 --log-format json --max-body-size 64m",
    ),
]
MANY = [
    app("shop"),
    app("observability-and-alerting", sync="out-of-sync", health="degraded", release_state="rolled-back",
        hosts=[f"rack-{number:02}.frankfurt.example.org" for number in range(12)],
        services=[service("web", 11, 12), service("db", 1, 1)], reason=QUARANTINED),
    app("backup", namespace="team-payments", sync="held", health="suspended", release_state="held",
        reason="held until 2026-12-01T00:00:00Z: the disk is being replaced"),
    app("wiki", sync="unknown", health="unknown", fresh=False, hosts=["edge-1", "edge-2"]),
    app("nightly", services=[service("dump", 0, 0)]),
]  # fmt: skip
HOSTS = [
    host("edge-1"),
    host("edge-2", "unknown", "2026-11-30T11:57:00+00:00", engine_version="",
         reason="ssh://deploy@edge-2.example.org:2222: connection refused after 3 attempts; is sshd running there?"),
    host("rack-03.frankfurt.example.org", "drain"),
    host("edge-new", "unknown", None, engine_version="", reason="no answer within 10 s"),
]  # fmt: skip
PROBLEMS = [
    {"path": "blog/compose.yaml", "line": 4, "column": 15, "severity": "error",
     "message": "services.web.ports[0]: is 99999:80, but a port is at most 65535; write it as 9999:80"},
]  # fmt: skip
NOTES = [
    "default/shop: services.api.depends_on, x-gitops.rollout changed in Git, which changes no container",
    (
        "default/observability-and-alerting: services.alertmanager.profiles, services.grafana.profiles, "
        "services.loki.profiles, services.prometheus.profiles, x-gitops.depends_on and 7 more changed in Git, which changes "
        "no container"
    ),
]
REASONS = [
    f"pull {PULL}; tried again at 12:00:10Z",
    "host port 8096 is taken on edge-1 by container stranger",
    "blog/compose.yaml:4:15: services.web.ports[0]: is 99999:80, but a port is at most 65535; write it as 9999:80",
    "volume shop_data is not listed by its Engine any more",
    "network proxy is missing on edge-1",
]
DOCUMENTS = {
    "status-none": (partial(render_status, now=NOW), {"commit": COMMIT, "fetched_at": None, "apps": [], "hosts": []}),
    "status-one": (
        partial(render_status, now=NOW),
        {"commit": COMMIT, "fetched_at": "2026-11-30T11:57:00+00:00", "apps": [app("shop")], "hosts": [host("edge-1")]},
    ),
    "status-app": (
        partial(render_status, now=NOW),
        {"app": "default/shop", "commit": COMMIT, "fetched_at": "2026-11-30T11:59:20+00:00",
         "apps": [app("shop", services=[service("web", 2, 2), service("worker", 1, 3)])], "hosts": [host("edge-1")]},
    ),
    "status-many": (
        partial(render_status, now=NOW),
        {"commit": COMMIT, "fetched_at": "2026-11-30T06:57:00+00:00", "apps": MANY, "hosts": HOSTS,
         "error": "git ls-remote: could not resolve host git.example.org; the last good commit stays in force",
         "problems": PROBLEMS},
    ),
    "hosts-none": (partial(render_hosts, now=NOW), {"hosts": []}),
    "hosts-many": (partial(render_hosts, now=NOW), {"hosts": HOSTS}),
    "plan-nothing": (
        render_plan,
        {"commit": COMMIT, "digest": "ab" * 32, "actions": [], "holds": [], "refusals": [], "unknown_hosts": []},
    ),
    "plan-many": (
        render_plan,
        {
            "commit": COMMIT,
            "digest": "ab" * 32,
            "actions": [
                action("pull", "registry.example.org/team/api:2", reason="api needs it, and it is not on the host"),
                action("create", "shop-api-1-a9ad6c5", changes=CHANGES,
                       reason="replaces shop-api-1-ccf9298: its configuration in Git changed"),
                action("start", "shop-api-1-a9ad6c5", reason="replaces shop-api-1-ccf9298: its configuration in Git changed"),
                action("put_files", "/var/lib/gitops-orch/data/observability/prometheus", app="observability"),
                action("remove", "shop-api-1-ccf9298", reason="shop-api-1-a9ad6c5 has taken its place"),
                action("disconnect_network", "frontend", host="rack-03.frankfurt.example.org"),
            ],
            "holds": [{"subject": "default/observability-and-alerting", "reason": QUARANTINED}],
            "refusals": [{"rule": "budget", "message": "it removes 12 of 14 apps; run `gitops-orch accept 1a2b3c4d5e` to allow it"}],
            "unknown_hosts": ["edge-2"],
            "problems": PROBLEMS,
        },
    ),
    "plan-notes": (
        render_plan,
        {"commit": COMMIT, "digest": "ab" * 32, "actions": [], "holds": [], "refusals": [], "unknown_hosts": [], "notes": NOTES},
    ),
    "plan-actions-and-notes": (
        render_plan,
        {
            "commit": COMMIT,
            "digest": "ab" * 32,
            "actions": [action("restart", "shop-api-1-a9ad6c5", reason="its gateway was restarted")],
            "holds": [{"subject": "default/wiki", "reason": f"host edge-2 does not answer: {HOSTS[1]['reason']}"}],
            "refusals": [],
            "unknown_hosts": ["edge-2"],
            "notes": NOTES,
            "problems": [PROBLEMS[0] | {"severity": "warning"}],
        },
    ),
    "diff-nothing": (render_diff, {"commit": COMMIT, "changes": []}),
    "diff-many": (
        render_diff,
        {
            "commit": COMMIT,
            "changes": [
                *(diff_row("shop-api-1-a9ad6c5", each["path"], each["from"], each["to"]) for each in CHANGES),
                diff_row("shop-worker-1-0c1171c", "container", None, "shop-worker-1-0c1171c"),
                diff_row("shop-old-1-77aa66b", "container", "shop-old-1-77aa66b", None),
            ],
        },
    ),
    "history-none": (render_history, {"runs": [], "releases": []}),
    "history-many": (
        render_history,
        {
            "runs": [run_row(3, status="rolled-back", trigger="sync"), run_row(2), run_row(1, status="error", trigger="webhook")],
            "releases": [
                release_row("observability-and-alerting", state="failed", reason=QUARANTINED),
                release_row("shop"),
            ],
        },
    ),
    "history-reasons": (
        render_history,
        {
            "runs": [
                run_row(5, status="error", exit_code=1, trigger="sync", reasons=[f"default/shop: {each}" for each in REASONS]),
                run_row(4, status="unknown", exit_code=3, reasons=[f"host edge-2: {HOSTS[1]['reason']}"]),
                run_row(3, status="rolled-back", exit_code=4, reasons=[f"default/observability-and-alerting: {QUARANTINED}"]),
                run_row(2, status="error", exit_code=1, reasons=["first\nline", "second", "third", "fourth"]),
                run_row(1, reasons=[]),
            ],
            "releases": [],
        },
    ),
    "sync-done": (
        render_run,
        {"commit": COMMIT, "status": "in-sync", "duration_ms": 4200, "apps": [app("shop")],
         "actions": [action("create", "shop-api-1-a9ad6c5", result="done", duration_ms=12)]},
    ),
    "sync-failed": (
        render_run,
        {
            "commit": COMMIT,
            "status": "error",
            "duration_ms": 64_200,
            "actions": [
                action("pull", "registry.example.org/team/backend:2026.11.30-rc1", result="failed", error=PULL),
                *(action("create", f"shop-api-{n}", result="skipped", error="a step before it failed") for n in range(12)),
                action("create_network", "proxy", app="proxy", result="failed", error="Pool overlaps with other one on this address space"),
                action("create_network", "proxy", app="proxy", host="edge-2", result="failed", error="Pool overlaps with other one on this address space"),
            ],
            "holds": [{"subject": "default/shop", "reason": f"pull registry.example.org/team/backend:2026.11.30-rc1 on edge-1: {PULL}; tried again at 12:00:10Z"}],
            "apps": [
                app("proxy", sync="out-of-sync", health="missing", release_state="progressing", hosts=[]),
                app("shop", sync="out-of-sync", release_state="progressing",
                    reason=f"pull registry.example.org/team/backend:2026.11.30-rc1 on edge-1: {PULL}; tried again at 12:00:10Z"),
            ],
        },
    ),
}  # fmt: skip


def printed(name: str, width: int, document=None) -> str:
    render, own = DOCUMENTS[name]
    stream = io.StringIO()
    # As the command line makes its console (cli/shell.py).
    Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True).print(
        render(document or own)
    )
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_printed_is_what_somebody_looked_at(name, width):
    path = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(printed(name, width))
    assert printed(name, width) == path.read_text()


@pytest.mark.parametrize("width", [40, 80, 120, 10_000])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_line_is_too_long_or_padded(name, width):
    lines = printed(name, width).splitlines()
    assert lines
    for line in lines:
        assert cell_len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize(
    "name", ["status-many", "plan-many", "plan-notes", "history-many", "history-reasons"]
)
def test_no_word_is_broken_at_80_columns(name):
    whole = set(printed(name, 10_000).split())
    words = [word for word in printed(name, 80).split() if not word.endswith("…")]
    assert words
    assert set(words) <= whole


def test_two_hundred_apps_take_two_hundred_lines():
    apps = [app(f"app-{number}") for number in range(200)]
    document = {"commit": COMMIT, "fetched_at": NOW.isoformat(), "apps": apps, "hosts": [host("edge-1")]}
    assert len(printed("status-many", 80, document).splitlines()) == 200 + 6


def test_a_failure_is_reported_once_and_what_was_skipped_is_counted():
    text = printed("sync-failed", 10_000)
    assert text.count("manifest unknown: manifest unknown") == 1
    assert text.count("Pool overlaps") == 1
    assert "tried again at 12:00:10Z" in text
    assert "12 later steps skipped" in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_run_shows_three_reasons_and_how_many_more_there_are(width):
    text = printed("history-reasons", width)
    assert "and 2 other reasons; `gitops-orch history -o json` shows them" in " ".join(text.split())
    assert "and 1 other reason; " in text
    assert REASONS[3] not in " ".join(text.split())


@pytest.mark.parametrize("text", ["日本語のテキスト" * 12, "🚀 is up " * 30], ids=["no blanks", "emoji"])
def test_characters_that_take_two_columns_do_not_break_the_width(text):
    lines = [line.plain for line in sentence(text, indent=4)(40)]
    assert max(map(cell_len, lines)) <= 40
    assert "".join("".join(lines).split()) == "".join(text.split())
