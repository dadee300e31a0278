"""The product's console as a user meets it: arguments in, exit code and JSON out."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from integration.fatality import Fatality

ANSWER_S_MAX = 120.0
HERE = Path(__file__).parent
CONSOLE = Path(sys.executable).with_name("gitops-orch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How one command ended; the exit code of one that a signal killed is the signal's number, negative."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict:
        """Return what `-o json` printed."""
        assert self.stdout, f"nothing was printed; exit code {self.exit_code}: {self.stderr}"
        return json.loads(self.stdout)

    @property
    def actions(self) -> list[dict]:
        return self.document["actions"]

    @property
    def kinds(self) -> list[str]:
        return [action["kind"] for action in self.actions]

    @property
    def text(self) -> str:
        """Return all that was said, for a sentence to be found in; mistakes in files as `path:line:column: message`."""
        rows = self.document.get("problems", ()) if self.stdout else ()
        places = [f"{row['path']}:{row['line']}:{row['column']}: {row['message']}" for row in rows]
        return "\n".join((self.stdout, self.stderr, *places))

    def app(self, name: str) -> dict:
        """Return the row of an app."""
        return next(row for row in self.document["apps"] if row["app"] == name)


class Console:
    """Runs commands in processes that are forked from one which has the product loaded."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process = process
        self._directory = directory

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        fatality: Fatality | None = None,
        deadline_s: float = ANSWER_S_MAX,
    ) -> Reply:
        """Run one command to its end; one that takes longer than the deadline is killed, and the test fails."""
        stdout, stderr = self._directory / "stdout", self._directory / "stderr"
        stdout.write_text("")
        stderr.write_text("")
        order = {
            "arguments": arguments,
            "environment": clean_environment(environment),
            "fatality": asdict(fatality) if fatality else None,
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        child = int(self._answer())
        if not self._answers_within(deadline_s):
            os.kill(child, signal.SIGKILL)
            self._answer()
            raise AssertionError(f"{arguments} did not end within {deadline_s:g} s: {stderr.read_text()}")
        return Reply(exit_code=int(self._answer()), stdout=stdout.read_text(), stderr=stderr.read_text())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the preloaded console ended"
        return line

    def _answers_within(self, deadline_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(deadline_s))


@contextmanager
def open_console(directory: Path) -> Iterator[Console]:
    """Lend a console; its files lie in the directory."""
    paths = os.pathsep.join((str(HERE.parent), os.environ.get("PYTHONPATH", "")))
    process = subprocess.Popen(
        [sys.executable, str(HERE / "preloaded.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=clean_environment({"PYTHONPATH": paths}),
    )
    try:
        yield Console(process, directory)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(ANSWER_S_MAX)


def run_program(*arguments: str, environment: Mapping[str, str] | None = None) -> Reply:
    """Run the installed program itself, as a shell does."""
    done = subprocess.run(
        [str(CONSOLE), *arguments],
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_S_MAX,
    )
    return Reply(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def clean_environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment without what would steer git, Docker or the product."""
    steering = ("GIT_", "DOCKER_", "GITOPS_ORCH_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, **(more or {})}
