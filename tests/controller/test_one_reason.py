"""Every failure that was tried, and what each place says of it: none is silent, and none differs from another.

Of each failure the same sentence stands in `status` of another process, in `history`, in the log, in the notification
and in what `sync` prints; the exit codes of `sync`, `status` and `plan` stand in the table.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import structlog
from simulation.tampering import run_foreign
from structlog.testing import capture_logs

from gitops_orch.cli.verbs.picture_exit_code import plan_code, status_code
from gitops_orch.daemon.publish.alerts import troubles_of
from gitops_orch.daemon.reports.documents import history_document
from gitops_orch.engine.simulated.faults import Fault
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.documents.serial import run_document
from tests.git_story import GitScenario

SHOP = "shop/compose.yaml"
HOST_PORT = ("0.0.0.0", 8096, "tcp")
PASSING = re.compile(r"; tried .*$")  # when and how often, which a later look says otherwise
IMAGES = {
    "absent:1": ImageBehaviour(pull_error="manifest unknown"),
    "exits:1": ImageBehaviour(exits_after_s=1, exit_code=3, output="no database\n"),
    "unhealthy:1": ImageBehaviour(
        healthcheck=True, healthy_after_s=1, unhealthy_after_s=3, check_output="curl: not found"
    ),
    "starting:1": ImageBehaviour(healthcheck=True, healthy_after_s=None),
}


def service(text: str, around: str = "") -> dict[str, str]:
    return {SHOP: f"services: {{web: {{{text}}}}}\n{around}"}


class Unreachable:
    """A host to which nothing comes through, or no request of one kind."""

    def __init__(self, fault: Fault, operation: str) -> None:
        self.fault = fault
        self.operation = operation

    def decide(self, _host: str, operation: str) -> Fault | None:
        return self.fault if self.operation in {"", operation} else None


def refuse(fault: Fault, operation: str = "") -> Callable[[GitScenario], None]:
    def act(story: GitScenario) -> None:
        story.fleet.faults = Unreachable(fault, operation)
        story.reopen()

    return act


def nothing(_story: GitScenario) -> None:
    """The commit alone does it."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is done to a fleet that is in sync, what is said of it, and the exit codes of `sync`, `status`, `plan`."""

    before: Mapping[str, str] = field(default_factory=lambda: DATA)
    files: Mapping[str, str | None] = field(default_factory=dict)
    act: Callable[[GitScenario], None] = nothing
    says: str  # a regular expression
    codes: tuple[int, int, int]
    subject: str = "default/shop"


GOOD = service("image: 'good:1'")
DATA = service("image: 'good:1', volumes: ['data:/data']", "volumes: {data: }\n")
BLOG = {"blog/compose.yaml": "services: {web: {image: 'good:1'}}\n"}
GONE = {SHOP: None}
CONF = service("image: 'good:1', volumes: ['./conf:/conf']") | {"shop/conf/a": "one"}
FAILURES = {
    "an image that cannot be pulled": Failure(
        files=service("image: 'absent:1'"),
        says=r"pull absent:1 on h1: absent:1 cannot be pulled: manifest unknown",
        codes=(1, 2, 2),
    ),
    "a port that a stranger has": Failure(
        files=service("image: 'good:1', ports: ['8096:80']"),
        act=lambda story: run_foreign(story.world, "stranger", ports=(HOST_PORT,)),
        says=r"host port 8096 is taken on h1 by container stranger; stop that one, or publish another port",
        codes=(1, 2, 1),
    ),
    "a port that a process has": Failure(
        files=service("image: 'good:1', ports: ['8096:80'], volumes: ['data:/data']", "volumes: {data: }\n"),
        act=lambda story: story.world.host_ports.add(HOST_PORT),
        says=r"host port 8096 is taken on h1 by a process",
        codes=(1, 2, 2),
    ),
    "a host that is silent": Failure(
        act=refuse(Fault.LOST_REQUEST), says=r"no answer within", codes=(3, 3, 3), subject="host h1"
    ),
    "a host that refuses": Failure(
        act=refuse(Fault.REFUSED), says=r"connection refused", codes=(3, 3, 3), subject="host h1"
    ),
    "files on the host that cannot be read": Failure(
        before=CONF,
        act=refuse(Fault.SERVER_ERROR, "read_files"),
        says=r"the files of conf on h1 cannot be read: ",
        codes=(3, 3, 3),
    ),
    "files on the host that cannot be read before they change": Failure(
        before=CONF,
        files={"shop/conf/a": "two"},
        act=refuse(Fault.SERVER_ERROR, "read_files"),
        says=r"the files of conf on h1 cannot be read: ",
        codes=(1, 2, 1),
    ),
    "an app that left Git and cannot be removed": Failure(
        before=DATA | BLOG,
        files=GONE,
        act=refuse(Fault.SERVER_ERROR, "remove"),
        says=r"its app left Git: remove shop-web-1\S* on h1: .*500",
        codes=(1, 2, 2),
    ),
    "an app that left Git and whose network cannot be removed": Failure(
        before=DATA | BLOG,
        files=GONE,
        act=refuse(Fault.SERVER_ERROR, "remove_network"),
        says=r"its app left Git: remove_network shop_default on h1: .*500",
        codes=(1, 2, 2),
    ),
    "a former container that cannot be removed": Failure(
        before=service("image: 'good:1'}, cache: {image: 'good:1'"),
        files=service("image: 'good:1'"),
        act=refuse(Fault.SERVER_ERROR, "remove"),
        says=r"remove shop-cache-1\S* on h1: .*500",
        codes=(1, 2, 2),
    ),
    "a file that is not YAML": Failure(
        files={SHOP: "services: {web: {image: 'good:1'"},
        says=r"keeps what it runs: shop/compose.yaml:2:1: not YAML",
        codes=(1, 3, 1),
    ),
    "a key that is not known": Failure(
        files=service("image: 'good:1', port: ['80:80']"),
        says=r"shop/compose.yaml:1:35: services.web.port: unknown key; did you mean ports\?",
        codes=(1, 3, 1),
    ),
    "an env_file that is not there": Failure(
        files=service("image: 'good:1', env_file: ./nowhere.env"),
        says=r"shop/compose.yaml:1:.*nowhere.env",
        codes=(1, 3, 1),
    ),
    "a secret whose file is not there": Failure(
        files=service("image: 'good:1', secrets: [key]", "secrets: {key: {file: ./nowhere}}\n"),
        says=r"shop/compose.yaml:2:.*nowhere",
        codes=(1, 3, 1),
    ),
    "a dependency on no service": Failure(
        files=service("image: 'good:1', depends_on: [nobody]"),
        says=r"shop/compose.yaml:1:.*nobody",
        codes=(1, 3, 1),
    ),
    "a network that nobody creates": Failure(
        files=service("image: 'good:1', networks: [proxy]", "networks: {proxy: {external: true}}\n"),
        says=r"network proxy",
        codes=(1, 2, 1),
    ),
    "a volume that nobody creates": Failure(
        files=service("image: 'good:1', volumes: ['old:/old']", "volumes: {old: {external: true}}\n"),
        says=r"volume old",
        codes=(1, 2, 1),
    ),
    "data that would be lost": Failure(
        files=service("image: 'good:1', volumes: ['other:/data']", "volumes: {other: }\n"),
        says=r"web has volume shop_data at /data, and would get the new, empty volume shop_other",
        codes=(1, 2, 1),
    ),
    "a health check that fails": Failure(
        files=service("image: 'unhealthy:1'"), says=r"its health check fails: curl: not found", codes=(4, 2, 0)
    ),
    "a program that ends at once": Failure(
        files=service("image: 'exits:1', restart: 'no'"),
        says=r"exited with code 3; its last words: no database",
        codes=(4, 2, 0),
    ),
    "a program that ends again and again": Failure(
        files=service("image: 'exits:1', restart: always"),
        says=r"restarted 6 times.*no database",
        codes=(4, 2, 0),
    ),
    "a deadline that passes": Failure(
        files=service("image: 'starting:1'", "x-gitops: {rollout: {progress_deadline: 40s}}\n"),
        says=r"40 s",
        codes=(4, 2, 0),
    ),
    "a hook that fails": Failure(
        files=service("image: 'good:1', post_start: [{command: ['false']}]"),
        says=r"`false` in .* ended with code 1",
        codes=(4, 2, 0),
    ),
    "a commit whose hosts cannot be read": Failure(
        files={"hosts/h1.yaml": "kind: Host\n"},
        says=r"hosts/h1.yaml:1:1",
        codes=(1, 3, 1),
        subject="controller",
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Told:
    """What each place says, as text."""

    status: str
    places: Mapping[str, str]
    codes: tuple[int, int, int]


def fail(story: GitScenario, failure: Failure) -> Told:
    """Let a fleet that is in sync fail, try it twice, and ask everybody."""
    story.push(failure.before)
    assert story.sync().exit_code == 0
    failure.act(story)
    if failure.files:
        story.push(failure.files)
    structlog.reset_defaults()
    notices: dict[str, str] = {}
    with capture_logs() as lines:
        for _ in range(2):
            report = story.sync()
            troubles = troubles_of(report, troubles=story.history.troubles())
            notices |= {subject: notice.message for subject, notice in troubles.items()}
            story.clock.sleep(60)
    story.reopen()
    picture = story.reconciler.read_status()
    rows = {f"host {host.name}": host.reason for host in picture.hosts if host.reason}
    rows |= {str(app.key): app.reason for app in picture.apps if app.reason} | {"controller": picture.error}
    runs = history_document(story.history, None, limit=9)["runs"]
    places = {
        "history": "\n".join(runs[0]["reasons"]),
        "log": "\n".join(str(line.get("reasons", "")) for line in lines if line["log_level"] == "warning"),
        "notification": notices.get(failure.subject, ""),
        "sync": "\n".join(run_document(report)["reasons"]),
    }
    codes = (report.exit_code, status_code(picture), plan_code(picture))
    return Told(status=rows.get(failure.subject, ""), places=places, codes=codes)


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_has_one_reason_in_all_places(open_story, name):
    failure = FAILURES[name]
    story = open_story(push_reverts=False)
    for image, behaviour in IMAGES.items():
        story.fleet.registry.push(image, behaviour)

    told = fail(story, failure)

    assert re.search(failure.says, told.status), told.status
    reason = PASSING.sub("", told.status)
    differing = {place: text for place, text in told.places.items() if reason not in text}
    assert not differing, reason
    assert told.codes == failure.codes


@pytest.mark.parametrize("files", [{}, {"shop/conf/a": "two"}, {"shop/conf/b": "more"}])
def test_passes_over_files_that_cannot_be_read_are_one_row_of_history(open_story, files):
    story = open_story(push_reverts=False)
    story.push(CONF)
    story.sync()
    if files:
        story.push(files)
    refuse(Fault.SERVER_ERROR, "read_files")(story)
    for _ in range(4):
        story.sync()
        story.clock.sleep(60)
    assert len([run for run in story.history.runs(limit=10) if run.exit_code]) == 1
