"""Logs for machines and for people, which are never in the way of the work."""

import io
import json
import logging
import os
import subprocess
import sys

import pytest
import structlog

from gitops_orch.log_output import ForgivingStream
from gitops_orch.logs import configure_logs

FLOOD = """
import sys, structlog
from gitops_orch.logs import configure_logs
configure_logs(format_name="json", level="info")
for number in range(20000):
    structlog.get_logger().info("flood.rose", number=number, padding="x" * 100)
sys.stdout.write("done")
sys.stdout.flush()
"""


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture
def lines(capsys):
    def written() -> list[str]:
        structlog.get_config()["logger_factory"]._file.drain()
        return capsys.readouterr().err.splitlines()

    yield written
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_time_and_level(lines):
    configure_logs(format_name="auto", level="info")
    structlog.get_logger().info("run.finished", commit="abc")
    (line,) = lines()
    row = json.loads(line)
    assert (row["event"], row["commit"], row["level"]) == ("run.finished", "abc", "info")
    assert row["at"].endswith("Z")


def test_the_event_stands_first_and_the_other_keys_in_a_fixed_order(lines):
    configure_logs(format_name="json", level="info")
    structlog.get_logger().info("run.finished", host="h", app="a")
    structlog.get_logger().info("run.finished", app="a", host="h")
    assert [list(json.loads(line)) for line in lines()] == [["event", "level", "at", "app", "host"]] * 2


@pytest.mark.parametrize("format_name", ["json", "console"])
def test_a_credential_that_a_server_repeats_is_not_logged(lines, format_name):
    configure_logs(format_name=format_name, level="info")
    try:
        raise OSError("https://ann:hush-hush@git.example refused Bearer")  # noqa: TRY301 - only a raised error has a traceback
    except OSError as error:
        structlog.get_logger().error(
            "pull.failed", error=str(error), header="Authorization: Basic aHVzaA==", exc_info=error
        )
    written = "\n".join(lines())
    assert "git.example" in written
    assert "hush-hush" not in written
    assert "aHVzaA" not in written


def test_what_is_below_the_level_is_not_written(lines):
    configure_logs(format_name="json", level="warning")
    structlog.get_logger().info("run.finished")
    structlog.get_logger().warning("poll.overdue")
    assert [json.loads(line)["event"] for line in lines()] == ["poll.overdue"]


@pytest.mark.parametrize("format_name", ["json", "console"])
def test_an_exception_is_told_without_the_values_that_were_at_hand(lines, format_name):
    configure_logs(format_name=format_name, level="info")
    token = "hush" + "-hush"
    try:
        int(token[:0])
    except ValueError as error:
        structlog.get_logger().error("loop.failed", exc_info=error)
    told = "\n".join(lines())
    assert "ValueError" in told
    assert token not in told


def test_a_person_gets_text(lines):
    configure_logs(format_name="console", level="info")
    structlog.get_logger().info("run.finished", commit="abc")
    (line,) = lines()
    assert "run.finished" in line
    assert not line.startswith("{")


def test_c14_a_full_disk_costs_the_line_and_nothing_else():
    stream = ForgivingStream(Broken())
    assert stream.write("a line\n") == 7
    stream.drain()


def test_c14_a_reader_that_never_reads_does_not_stop_the_writer():
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, stderr=writing, timeout=60, check=False
        )
    finally:
        os.close(writing)
        os.close(reading)
    assert done.stdout == b"done"


def test_what_a_library_logs_is_a_line_of_the_same_form(lines):
    configure_logs(format_name="json", level="info")
    logging.getLogger("apscheduler").error("job %s failed", 7)
    (line,) = lines()
    row = json.loads(line)
    assert (row["event"], row["library"], row["said"]) == ("library.logged", "apscheduler", "job 7 failed")
