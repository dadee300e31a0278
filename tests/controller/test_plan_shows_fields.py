"""A reviewer reads in the plan what differs, field by field, in the words of the Compose file; and never a secret."""

import json
from collections.abc import Iterable

import pytest
from story import Scenario

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.manifest.keys.key import readers
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.documents.serial import diff_document, plan_row
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.release import Release, ReleaseState

SHOP = AppKey(namespace="default", name="shop")

# By key of a service: the line before, the line after, and what the plan says of it (path, from, to).
CHANGED = {
    "annotations": ("{team: a}", "{team: b}", ("annotations.team", "a", "b")),
    "blkio_config": ("{weight: 300}", "{weight: 400}", ("blkio_config.weight", "300", "400")),
    "cap_add": ("[NET_ADMIN]", "[NET_ADMIN, SYS_ADMIN]", ("cap_add", None, "SYS_ADMIN")),
    "cap_drop": ("[ALL]", "[MKNOD]", ("cap_drop", "ALL", "MKNOD")),
    "cgroup": ("private", "host", ("cgroup", "private", "host")),
    "cgroup_parent": ("/a", "/b", ("cgroup_parent", "/a", "/b")),
    "command": ("[serve, 'a b']", "[serve, c]", ("command", "serve 'a b'", "serve c")),
    "configs": (
        "[{source: one, target: /c}]",
        "[{source: two, target: /c}]",
        ("files./c", "1 byte", "1 byte (changed)"),
    ),
    "container_name": ("one", "two", ("container_name", "one", "two")),
    "cpu_count": ("1", "2", ("cpu_count", "1", "2")),
    "cpu_percent": ("10", "20", ("cpu_percent", "10", "20")),
    "cpu_period": ("1000", "2000", ("cpu_period", "1000", "2000")),
    "cpu_quota": ("1000", "2000", ("cpu_quota", "1000", "2000")),
    "cpu_rt_period": ("1000", "2000", ("cpu_rt_period", "1000", "2000")),
    "cpu_rt_runtime": ("1000", "2000", ("cpu_rt_runtime", "1000", "2000")),
    "cpus": ("0.5", "1.5", ("cpus", "0.5", "1.5")),
    "cpuset": ("'0'", "'0,1'", ("cpuset", "0", "0,1")),
    "cpu_shares": ("512", "1024", ("cpu_shares", "512", "1024")),
    "deploy": (
        "{resources: {limits: {memory: 512m}}}",
        "{resources: {limits: {memory: 1g}}}",
        ("deploy.resources.limits.memory", "512m", "1g"),
    ),
    "device_cgroup_rules": ("['c 1:3 mr']", "['c 1:5 mr']", ("device_cgroup_rules", "c 1:3 mr", "c 1:5 mr")),
    "devices": (
        "[/dev/null:/dev/n]",
        "[/dev/zero:/dev/n]",
        ("devices", "/dev/null:/dev/n:rwm", "/dev/zero:/dev/n:rwm"),
    ),
    "dns": ("[1.1.1.1]", "[1.1.1.1, 9.9.9.9]", ("dns", "1.1.1.1", "1.1.1.1, 9.9.9.9")),
    "dns_opt": ("[rotate]", "[debug]", ("dns_opt", "rotate", "debug")),
    "dns_search": ("[a.example]", "[b.example]", ("dns_search", "a.example", "b.example")),
    "domainname": ("a.example", "b.example", ("domainname", "a.example", "b.example")),
    "entrypoint": ("[/a]", "[/b]", ("entrypoint", "/a", "/b")),
    "environment": ("{COLOUR: blue}", "{COLOUR: green}", ("environment.COLOUR", "blue", "green")),
    "expose": ("['80']", "['81']", ("expose", "80", "81")),
    "external_links": ("[a]", "[b]", ("external_links", "a", "b")),
    "extra_hosts": ("['a:1.1.1.1']", "['a:2.2.2.2']", ("extra_hosts", "a=1.1.1.1", "a=2.2.2.2")),
    "gpus": ("[{count: 1}]", "[{count: 2}]", ("gpus", "{count: 1}", "{count: 2}")),
    "group_add": ("['1']", "['2']", ("group_add", "1", "2")),
    "healthcheck": (
        "{test: curl -f localhost, interval: 30s}",
        "{test: curl -f localhost, interval: 90s}",
        ("healthcheck.interval", "30s", "1m30s"),
    ),
    "hostname": ("a", "b", ("hostname", "a", "b")),
    "image": ("shop/api:1", "shop/api:2", ("image", "shop/api:1", "shop/api:2")),
    "init": ("false", "true", ("init", "false", "true")),
    "ipc": ("private", "shareable", ("ipc", "private", "shareable")),
    "isolation": ("default", "process", ("isolation", "default", "process")),
    "labels": ("{tier: a}", "{tier: b}", ("labels.tier", "a", "b")),
    "links": ("[other]", "['other:o']", ("links", "other", "other:o")),
    "logging": (
        "{driver: local, options: {max-size: 10m}}",
        "{driver: local, options: {max-size: 20m}}",
        ("logging.options.max-size", "10m", "20m"),
    ),
    "mac_address": (
        "02:42:ac:11:00:02",
        "02:42:ac:11:00:03",
        ("mac_address", "02:42:ac:11:00:02", "02:42:ac:11:00:03"),
    ),
    "mem_limit": ("512m", "1g", ("mem_limit", "512m", "1g")),
    "mem_reservation": ("64m", "128m", ("mem_reservation", "64m", "128m")),
    "mem_swappiness": ("10", "20", ("mem_swappiness", "10", "20")),
    "memswap_limit": ("1g", "-1", ("memswap_limit", "1g", "-1")),
    "network_mode": ("none", "host", ("network_mode", "none", "host")),
    "networks": ("[front]", "[back]", ("networks", "front", None)),
    "oom_kill_disable": ("true", "false", ("oom_kill_disable", "true", None)),
    "oom_score_adj": ("10", "20", ("oom_score_adj", "10", "20")),
    "pid": ("''", "host", ("pid", None, "host")),
    "pids_limit": ("10", "20", ("pids_limit", "10", "20")),
    "platform": ("linux/amd64", "linux/arm64", ("platform", "linux/amd64", "linux/arm64")),
    "ports": ("['8080:80']", "['8081:80']", ("ports", "8080:80", "8081:80")),
    "privileged": ("false", "true", ("privileged", None, "true")),
    "read_only": ("false", "true", ("read_only", None, "true")),
    "restart": ("always", "unless-stopped", ("restart", "always", "unless-stopped")),
    "runtime": ("runc", "runsc", ("runtime", "runc", "runsc")),
    "secrets": (
        "[{source: one, target: s}]",
        "[{source: two, target: s}]",
        ("secrets./run/secrets/s", "***", "*** (changed)"),
    ),
    "security_opt": (
        "['no-new-privileges:true']",
        "['label:disable']",
        ("security_opt", "no-new-privileges:true", "label:disable"),
    ),
    "shm_size": ("64m", "128m", ("shm_size", "64m", "128m")),
    "stdin_open": ("false", "true", ("stdin_open", None, "true")),
    "stop_grace_period": ("30s", "90s", ("stop_grace_period", "30s", "1m30s")),
    "stop_signal": ("SIGTERM", "SIGINT", ("stop_signal", "SIGTERM", "SIGINT")),
    "storage_opt": ("{size: 1G}", "{size: 2G}", ("storage_opt.size", "1G", "2G")),
    "sysctls": (
        "{net.core.somaxconn: 1}",
        "{net.core.somaxconn: 2}",
        ("sysctls.net.core.somaxconn", "1", "2"),
    ),
    "tmpfs": ("[/run]", "[/var/run]", ("tmpfs", "/run", "/var/run")),
    "tty": ("false", "true", ("tty", None, "true")),
    "ulimits": (
        "{nofile: {soft: 1, hard: 2}}",
        "{nofile: {soft: 1, hard: 3}}",
        ("ulimits.nofile", "{soft: 1, hard: 2}", "{soft: 1, hard: 3}"),
    ),
    "user": ("'1000'", "'1001'", ("user", "1000", "1001")),
    "userns_mode": ("''", "host", ("userns_mode", None, "host")),
    "uts": ("''", "host", ("uts", None, "host")),
    "volumes": ("['data:/data']", "['data:/data:ro']", ("volumes", "data:/data", "data:/data:ro")),
    "volumes_from": ("[other]", "['other:ro']", ("volumes_from", "other", "other:ro")),
    "working_dir": ("/a", "/b", ("working_dir", "/a", "/b")),
}
# No container is another one for these: they say when and how containers are made, not what they are.
OF_NO_CONTAINER = frozenset(
    {
        *(
            "attach",
            "build",
            "credential_spec",
            "depends_on",
            "develop",
            "post_start",
            "pre_start",
            "pre_stop",
        ),
        *("profiles", "pull_policy", "scale"),
    }
)
AROUND = """
  other: {image: shop/other:1}
networks: {front: , back: }
volumes: {data: }
configs: {one: {content: a}, two: {content: b}}
secrets: {one: {file: ./one}, two: {file: ./two}}
"""
SECRETS = {"one": "0ne-hush-hush\n", "two": "tw0-hush-hush\n"}


def service(line: str) -> str:
    return f"services:\n  api:\n    image: shop/api:1\n    {line}\n"


def service_with(key: str, value: str) -> str:
    image = "" if key == "image" else "    image: shop/api:1\n"
    return f"services:\n  api:\n{image}    {key}: {value}\n{AROUND}"


@pytest.fixture
def story():
    return Scenario()


def deploy(story: Scenario, files: dict[str, str]) -> None:
    story.commit(files)
    report = story.sync()
    assert report.status == "in-sync", [result.error for result in report.results]


def shown(actions: Iterable[Action]) -> list[tuple[str, str | None, str | None]]:
    return [(change.path, change.before, change.after) for action in actions for change in action.changes]


def changes_of(story: Scenario, before: dict[str, str], after: dict[str, str]):
    deploy(story, before)
    story.commit(after)
    return shown(story.plan().actions)


@pytest.fixture(scope="module")
def plan_of_all_keys():
    """One app for each key: what is planned once each has another value."""
    story = Scenario()
    story.world.api_version = "1.44"  # annotations are newer than the simulated Engine's default

    def files(which: int) -> dict[str, str]:
        apps = {f"{name(key)}/compose.yaml": service_with(key, row[which]) for key, row in CHANGED.items()}
        return apps | {f"{name(key)}/{path}": text for key in CHANGED for path, text in SECRETS.items()}

    deploy(story, files(0))
    story.commit(files(1))
    return story.plan()


def name(key: str) -> str:
    return key.replace("_", "-")


def test_every_key_of_a_service_has_its_line():
    assert not readers(SERVICE_KEYS).keys() ^ (CHANGED.keys() | OF_NO_CONTAINER)


@pytest.mark.parametrize("key", CHANGED)
def test_the_plan_of_a_changed_key_shows_that_key(plan_of_all_keys, key):
    actions = [action for action in plan_of_all_keys.actions if action.app and action.app.name == name(key)]
    assert CHANGED[key][2] in shown(actions)


def test_the_plan_of_all_keys_holds_no_secret(plan_of_all_keys):
    assert "hush" not in json.dumps(plan_row(plan_of_all_keys))


def test_what_a_key_gains_or_loses_is_shown_beside_nothing(story):
    before = {"shop/compose.yaml": service("labels: {a: '1', b: '2'}\n    ports: ['80:80']")}
    after = {"shop/compose.yaml": service("labels: {b: '2', c: '3'}\n    ports: ['80:80', '443:443/udp']")}
    assert changes_of(story, before, after) == [
        ("labels.a", "1", None),
        ("labels.c", None, "3"),
        ("ports", None, "443:443/udp"),
    ]


def test_a_port_is_shown_beside_the_one_that_it_takes_the_place_of(story):
    before = {"shop/compose.yaml": service("ports: ['8080:80', '8443:443']")}
    after = {"shop/compose.yaml": service("ports: ['9443:443', '9080:80']")}
    expected = [("ports", "8443:443", "9443:443"), ("ports", "8080:80", "9080:80")]
    assert changes_of(story, before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("environment: {DB_PASSWORD: hush1}", "environment: {DB_PASSWORD: hush2}", "environment.DB_PASSWORD"),
        ("environment: {apiKey: hush1}", "environment: {apiKey: hush2}", "environment.apiKey"),
        ("labels: {auth.token: hush1}", "labels: {auth.token: hush2}", "labels.auth.token"),
        (
            "logging: {driver: splunk, options: {splunk-token: hush1}}",
            "logging: {driver: splunk, options: {splunk-token: hush2}}",
            "logging.options.splunk-token",
        ),
        (
            "environment: {URL: 'pg://u:hush1@db/x'}",
            "environment: {URL: 'pg://u:hush2@db/x'}",
            "environment.URL",
        ),
        ("command: serve --password hush1", "command: serve --password hush2", "command"),
        ("command: serve --api-token=hush1", "command: serve --api-token=hush2", "command"),
        (
            "environment: {OPTS: 'a=1 secret=hush1'}",
            "environment: {OPTS: 'a=1 secret=hush2'}",
            "environment.OPTS",
        ),
    ],
)
def test_a_secret_is_seen_to_change_and_not_seen(story, before, after, path):
    changes = changes_of(story, {"shop/compose.yaml": service(before)}, {"shop/compose.yaml": service(after)})
    ((shown_path, old, new),) = changes
    assert shown_path == path
    assert "***" in old
    assert new.endswith("(changed)")
    assert "hush" not in f"{changes}"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('command: ["setup", "${ADMIN_PASSWORD}"]', "command"),
        ('labels: {homepage.auth: "${ADMIN_PASSWORD}"}', "labels.homepage.auth"),
        ('healthcheck: {test: "probe ${ADMIN_PASSWORD}"}', "healthcheck.test"),
        ('environment: {LOGIN: "me:${ADMIN_PASSWORD}"}', "environment.LOGIN"),
    ],
)
def test_a_secret_of_the_env_file_is_in_no_field_that_is_made_with_it(story, line, path):
    files = {"shop/compose.yaml": service(line)}
    before = files | {"shop/.env": "ADMIN_PASSWORD=Old-zebra-77\n"}
    after = files | {"shop/.env": "ADMIN_PASSWORD=New-giraffe-99\n"}
    changes = changes_of(story, before, after)
    ((shown_path, old, new),) = changes
    assert shown_path == path
    assert "***" in old
    assert new == f"{old} (changed)"
    assert not [word for word in ("zebra", "giraffe") if word in f"{changes}"]


def test_a_file_is_named_and_its_content_is_not_shown(story):
    text = service("volumes: ['./conf:/etc/app:ro']\n    secrets: [one]") + "secrets: {one: {file: ./one}}\n"
    before = {"shop/compose.yaml": text, "shop/conf/a.toml": "a = 1\n", "shop/one": "hush1"}
    after = {"shop/compose.yaml": text, "shop/conf/a.toml": "a = 1001\n", "shop/one": "hush2"}
    assert changes_of(story, before, after) == [
        ("files./etc/app/a.toml", "6 bytes", "9 bytes (changed)"),
        ("secrets./run/secrets/one", "***", "*** (changed)"),
    ]


def test_the_fields_are_known_after_the_state_was_lost(story):
    deploy(story, {"shop/compose.yaml": service("cap_add: [NET_ADMIN]")})
    story.commit({"shop/compose.yaml": service("cap_add: [NET_ADMIN, SYS_ADMIN]")})
    story.lose_state()
    assert shown(story.plan().actions) == [("cap_add", None, "SYS_ADMIN")]


def test_nothing_is_read_from_an_older_commit_where_nothing_differs(story, monkeypatch):
    deploy(story, {"shop/compose.yaml": service("cap_add: [NET_ADMIN]")})
    asked = []
    monkeypatch.setattr(ConfigRepository, "app_at", lambda *arguments: asked.append(arguments))
    assert not story.plan().actions
    assert not asked


@pytest.mark.parametrize("hold", ["hold: {reason: a freeze}", "adopt: false"])
def test_the_difference_of_an_app_that_is_held_is_shown(story, hold):
    deploy(story, {"shop/compose.yaml": service("user: '1'")})
    story.commit({"shop/compose.yaml": f"x-gitops: {{{hold}}}\n" + service("user: '2'")})
    if not hold.startswith("hold"):
        story.history.hold(SHOP, Hold(reason="a freeze"))
    picture = story.reconciler.read_status(withheld=True)
    assert not picture.plan.actions
    rows = diff_document(picture, None)["changes"]
    assert {"path": "user", "from": "1", "to": "2"}.items() <= rows[0].items()


def test_the_difference_of_a_release_that_failed_is_shown(story):
    deploy(story, {"shop/compose.yaml": service("user: '1'")})
    story.commit({"shop/compose.yaml": service("user: '2'\n    command: fail")})
    digest = next(intent.app.digest for intent in map(intent_of, story.plan().actions) if intent)
    story.history.mark_release(
        Release(app=SHOP, digest=digest, commit="", state=ReleaseState.FAILED, reason="it is bad")
    )
    picture = story.reconciler.read_status(withheld=True)
    assert not picture.plan.actions
    assert {row["path"] for row in diff_document(picture, None)["changes"]} >= {"user", "command"}


# What only the file of the former commit tells: no inspection shows it, or not apart from what an image declares.
NOT_INSPECTED = frozenset(
    {
        *(
            "annotations",
            "blkio_config",
            "configs",
            "container_name",
            "cpu_count",
            "cpu_percent",
            "cpus",
            "deploy",
        ),
        *(
            "expose",
            "external_links",
            "gpus",
            "isolation",
            "links",
            "mac_address",
            "network_mode",
            "platform",
        ),
        *("secrets", "tmpfs", "volumes_from", "oom_kill_disable"),
        *("cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpuset", "cpu_shares"),
        *("mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "pids_limit"),
    }
)


@pytest.fixture(scope="module")
def plan_without_history():
    """One app for each key: what is planned where the commit that made the containers is gone from the repository."""
    story = Scenario()
    story.world.api_version = "1.44"

    def files(which: int) -> dict[str, str]:
        keys = CHANGED.keys() - NOT_INSPECTED
        return {f"{name(key)}/compose.yaml": service_with(key, CHANGED[key][which]) for key in keys} | {
            f"{name(key)}/{path}": text for key in keys for path, text in SECRETS.items()
        }

    deploy(story, files(0))
    former = story.source.fetch()
    story.commit(files(1))
    del story.source.trees[former]
    story.reconciler = story._reconciler()
    return story.plan()


@pytest.mark.parametrize("key", sorted(CHANGED.keys() - NOT_INSPECTED))
def test_a_key_that_an_inspection_tells_is_shown_where_the_former_commit_is_gone(plan_without_history, key):
    actions = [each for each in plan_without_history.actions if each.app and each.app.name == name(key)]
    paths = {path.partition(".")[0] for path, _, _ in shown(actions)}
    assert paths == {key}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("profiles: []", "profiles: ['']", "profiles"),
        ("depends_on: [other]", "depends_on: {other: {condition: service_healthy}}", "depends_on"),
    ],
)
def test_a_key_that_changes_no_container_has_a_line_until_the_release_is_stable(story, before, after, says):
    deploy(story, {"shop/compose.yaml": service(before) + "  other: {image: 'shop/other:1'}\n"})
    story.commit({"shop/compose.yaml": service(after) + "  other: {image: 'shop/other:1'}\n"})
    picture = story.reconciler.read_status()
    assert not picture.plan.actions
    (note,) = picture.notes
    assert note.startswith("default/shop: services.api.")
    assert says in note
    assert note.endswith(" changed in Git, which changes no container")
    assert diff_document(picture, None)["notes"] == [note]
    story.sync()
    assert story.reconciler.read_status().notes == ()


def test_an_extension_of_the_app_that_changes_no_container_has_a_line(story):
    deploy(story, {"shop/compose.yaml": service("user: '1'")})
    story.commit({"shop/compose.yaml": service("user: '1'") + "x-gitops: {drift: warn}\n"})
    assert (
        "x-gitops.drift changed in Git, which changes no container" in story.reconciler.read_status().notes[0]
    )


def test_a_commit_that_changes_nothing_of_an_app_has_no_line(story):
    deploy(story, {"shop/compose.yaml": service("user: '1'")})
    story.commit({"shop/compose.yaml": service("user: '1'"), "README.md": "new"})
    assert story.reconciler.read_status().notes == ()
