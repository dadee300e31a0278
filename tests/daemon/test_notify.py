"""Notifications: once per change, tried again until they are taken, and never in the way."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog
from lab.commands import wait_for

from gitops_orch.clock import SystemClock
from gitops_orch.errors import SettingsError
from gitops_orch.history.history import History
from gitops_orch.notify import AppriseReceiver, LogReceiver, Notice, NoticeKind, Outbox, make_receivers

WAIT_S = 60


class Inbox:
    """Takes what it is given, after refusing a number of times."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[tuple[str, str]] = []
        self._grown = threading.Condition()

    def deliver(self, notice: Notice) -> bool:
        with self._grown:
            if self.refusals:
                self.refusals -= 1
                return False
            self.taken.append((notice.subject, notice.message))
            self._grown.notify_all()
            return True

    def wait_for(self, count: int) -> list[tuple[str, str]]:
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.taken) >= count, WAIT_S), self.taken
            return self.taken


@pytest.fixture
def outbox():
    made: list[Outbox] = []

    def make(*inboxes: Inbox, ledger: History | None = None) -> Outbox:
        made.append(Outbox(inboxes, ledger, retry_s=0.01))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_same_news_is_told_once(outbox):
    inbox = Inbox()
    box = outbox(inbox)
    for message in ("down", "down", "down", "up"):
        box.send(Notice(subject="shop", message=message))
        inbox.wait_for(1)
    assert inbox.wait_for(2) == [("shop", "down"), ("shop", "up")]


def test_c26_a_refused_message_is_tried_again(outbox):
    inbox = Inbox(refusals=3)
    outbox(inbox).send(Notice(subject="shop", message="down"))
    assert inbox.wait_for(1) == [("shop", "down")]


def test_a_message_that_is_refused_leaves_a_line_in_the_log_each_time(outbox):
    inbox = Inbox(refusals=2)
    with structlog.testing.capture_logs() as logged:
        outbox(inbox).send(Notice(subject="shop", message="down"))
        inbox.wait_for(1)
    failed = [(row["log_level"], row["subject"]) for row in logged if row["event"] == "notification.failed"]
    assert failed == [("warning", "shop")] * 2


def test_c26_of_what_waits_only_the_latest_about_a_subject_is_told(outbox):
    inbox = Inbox(refusals=1_000_000)
    box = outbox(inbox)
    for number in range(100):
        box.send(Notice(subject="shop", message=f"state {number}"))
    inbox.refusals = 0
    assert inbox.wait_for(1)[-1] == ("shop", "state 99")


def test_recovery_is_told_once_and_the_next_trouble_is_news_again(outbox):
    inbox = Inbox()
    box = outbox(inbox)
    box.send(Notice(subject="shop", message="down"))
    inbox.wait_for(1)
    box.settle({"shop"})
    box.settle(set())
    inbox.wait_for(2)
    box.settle(set())
    box.send(Notice(subject="shop", message="down"))
    assert inbox.wait_for(3) == [("shop", "down"), ("shop", "recovered"), ("shop", "down")]


def test_c26_a_service_that_hangs_delays_nobody(outbox):
    released, ended = threading.Event(), []

    class Hanging(Inbox):
        def deliver(self, notice: Notice) -> bool:
            ended.append(released.wait(WAIT_S))
            return True

    box = outbox(Hanging())
    for number in range(1000):
        box.send(Notice(subject=f"app {number}", message="down"))
    assert ended == []  # the first delivery hangs still, and all have been told
    released.set()


def test_without_a_file_the_log_is_told():
    (receiver,) = make_receivers(None)
    assert isinstance(receiver, LogReceiver)


def test_a_file_of_urls_is_read_without_its_comments(tmp_path):
    file = tmp_path / "urls"
    file.write_text("# ours\njson://127.0.0.1:9/\n\n")
    assert [type(each) for each in make_receivers(file)] == [AppriseReceiver]


def test_a_url_that_is_none_is_a_mistake_that_does_not_repeat_it(tmp_path):
    file = tmp_path / "urls"
    file.write_text("# ours\nhush-hush-token\n")
    with pytest.raises(SettingsError, match="line 2 is none that Apprise knows") as caught:
        make_receivers(file)
    assert "hush" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(SettingsError, match=r"correct notify\.urls_file"):
        make_receivers(tmp_path / "absent")


def test_a_notice_carries_its_kind_and_its_details_to_the_service(tmp_path):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "urls"
    file.write_text(f"json://127.0.0.1:{server.server_port}/\njson://127.0.0.1:1/\n")
    notice = Notice(
        subject="default/shop", message="degraded", kind=NoticeKind.WARNING, details=("host: h1",)
    )
    try:
        assert [each.deliver(notice) for each in make_receivers(file)] == [True, False]
    finally:
        server.shutdown()
        server.server_close()
    row = received[0]
    assert (row["title"], row["message"], row["type"]) == (
        "gitops-orch: default/shop", "degraded\nhost: h1", "warning",
    )  # fmt: skip


def test_details_alone_are_no_news(outbox):
    inbox = Inbox()
    box = outbox(inbox)
    box.send(Notice(subject="shop", message="down", details=("commit: a",)))
    inbox.wait_for(1)
    box.send(Notice(subject="shop", message="down", details=("commit: b",)))
    box.send(Notice(subject="shop", message="down", kind=NoticeKind.WARNING))
    assert inbox.wait_for(2) == [("shop", "down")] * 2


def test_a_receiver_that_refuses_everything_delays_no_other(outbox):
    broken, inbox = Inbox(refusals=1_000_000), Inbox()
    box = outbox(broken, inbox)
    for number in range(20):
        box.send(Notice(subject=f"app {number}", message="down"))
    assert [subject for subject, _ in inbox.wait_for(20)] == [f"app {number}" for number in range(20)]
    broken.refusals = 0
    assert len(broken.wait_for(20)) == 20
    assert len(inbox.taken) == 20  # who took it does not hear it again


def test_what_a_receiver_refuses_for_a_day_is_dropped_with_a_line_in_the_log(outbox, monkeypatch):
    monkeypatch.setattr("gitops_orch.notify.AGE_MAX_S", 0.05)
    inbox = Inbox(refusals=1_000_000)
    with structlog.testing.capture_logs() as logged:
        box = outbox(inbox)
        box.send(Notice(subject="shop", message="down"))
        wait_for("a line", lambda: "notification.dropped" in {row["event"] for row in logged})
        inbox.refusals = 0
        box.send(Notice(subject="blog", message="down"))
        assert inbox.wait_for(1) == [("blog", "down")]


def test_new_receivers_get_what_the_old_ones_did_not(outbox):
    refusing, taking = Inbox(refusals=1_000_000), Inbox()
    box = outbox(refusing, taking)
    box.send(Notice(subject="shop", message="down"))
    taking.wait_for(1)
    first, second = Inbox(), Inbox()
    box.deliver_to((first, second))
    assert first.wait_for(1) == [("shop", "down")]
    box.send(Notice(subject="blog", message="down"))
    assert second.wait_for(1) == [("blog", "down")]


def test_the_end_of_what_comes_and_goes_is_told_when_it_stays_away(outbox, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("gitops_orch.notify.time.monotonic", lambda: now[0])
    inbox = Inbox()
    box = outbox(inbox)
    crash = Notice(subject="shop", message="down", calm_s=300)
    for _ in range(5):
        box.send(crash)
        box.settle({"shop"})
        now[0] += 60
        box.settle(set())
    assert inbox.wait_for(1) == [("shop", "down")]
    now[0] += 300
    box.settle(set())
    assert inbox.wait_for(2) == [("shop", "down"), ("shop", "recovered")]


def test_what_was_told_is_known_after_a_restart_and_so_is_its_end(outbox, tmp_path):
    history = History.open(tmp_path, None, SystemClock())
    first, second, third = Inbox(), Inbox(), Inbox()
    box = outbox(first, ledger=history)
    box.send(Notice(subject="shop", message="down"))
    first.wait_for(1)
    box.close()
    box = outbox(second, ledger=history)
    box.send(Notice(subject="shop", message="down"))
    box.send(Notice(subject="blog", message="down"))
    assert second.wait_for(1) == [("blog", "down")]
    box.settle(set())
    assert sorted(second.wait_for(3)[1:]) == [("blog", "recovered"), ("shop", "recovered")]
    box.close()
    outbox(third, ledger=history).settle(set())
    assert history.notices() == {}
    history.close()
    assert third.taken == []
