"""Defines `Shell`, the argument of every verb: the common options, the settings, and the two output streams."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TextIO, cast

from rich.console import Console, RenderableType

from gitops_orch.cli.options import Everywhere, Output
from gitops_orch.daemon.service_view import ServeHttp
from gitops_orch.errors import GitopsOrchError, SettingsError
from gitops_orch.logs import configure_logs
from gitops_orch.model.documents.document import Document
from gitops_orch.printable import printable, without_turns
from gitops_orch.redaction import RedactingStream, redact_value
from gitops_orch.settings import Settings, is_root, load_settings

# These verbs show what the user wrote, so only the controller's credentials are redacted.
VERBATIM = frozenset({"render", "logs"})
PIPE_WIDTH = 10_000  # output to a pipe is never broken into lines of a terminal's width


# The verb's report shows these events to a person already; as log lines they would repeat it on the same terminal.
_IN_THE_REPORT = frozenset({"action.finished", "release.quarantined", "image.quarantined", "run.finished"})


class Shell:
    """The options, settings and output streams of one invocation."""

    def __init__(self, options: Everywhere, *, verb: str, serve_http: ServeHttp) -> None:
        self.options = options
        self.serve_http = serve_http
        self.output = options.output or Output.TEXT
        self._shapes = verb not in VERBATIM
        self.out = _console(sys.stdout, shapes=self._shapes)
        self.err = _console(sys.stderr)
        if self.output is Output.GITHUB and verb != "validate":
            raise GitopsOrchError("-o github is for validate alone", hint="use -o text or -o json")
        self._is_service = verb == "run"

    @cached_property
    def settings(self) -> Settings:
        """Read the settings once, and configure the log by them; SettingsError if they are wrong."""
        settings = self.read_settings()
        # A verb logs only warnings beside its output; the service logs all that the settings ask for.
        wants_logs = self._is_service or "log.level" in settings.given
        muted = frozenset() if wants_logs or self.output is not Output.TEXT else _IN_THE_REPORT
        level = settings.log.level if wants_logs else "warning"
        configure_logs(format_name=settings.log.format, level=level, muted=muted)
        return settings

    def read_settings(self) -> Settings:
        """Read the current settings; SettingsError if they are wrong."""
        return load_settings(
            flags=self.options.flags(), environ=os.environ, file=self.options.config, root=is_root()
        )

    @property
    def repository_url(self) -> str:
        """Return the repository's URL; SettingsError if none is set."""
        url = self.settings.repository.url
        if not url:
            raise SettingsError(
                "no configuration repository is named",
                hint="pass --repo URL, or set repository.url in the settings file",
            )
        return url

    @property
    def is_interactive(self) -> bool:
        """Return whether stderr is a terminal and the output is text."""
        return self.err.is_terminal and self.output is Output.TEXT

    def show(self, document: Document, render: Callable[[Document], RenderableType]) -> None:
        """Print a document as JSON or as text for a person."""
        if self.output is Output.JSON:
            self.print_json(document)
        else:
            self.out.print(render(document))

    def print_json(self, document: Mapping[str, object]) -> None:
        """Print one JSON document on stdout."""
        shown = redact_value(document, shapes=self._shapes)
        sys.stdout.write(without_turns(json.dumps(shown, indent=2, ensure_ascii=False)) + "\n")

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Show an activity on an interactive terminal while the block runs."""
        if not self.is_interactive:
            yield
            return
        with self.err.status(doing):
            yield

    def note(self, sentence: str, *, style: str = "") -> None:
        """Print a sentence to stderr, in addition to the result."""
        self.err.print(printable(sentence), style=style)


def print_failure(error: GitopsOrchError, *, output: Output | None) -> None:
    """Print in one sentence what failed and what to do next; for JSON output, print it as JSON, too."""
    if output is Output.JSON:
        document = redact_value({"error": error.message, "hint": error.hint})
        sys.stdout.write(without_turns(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")
    _console(sys.stderr).print(printable(f"gitops-orch: {error}"), style="red")


def _console(stream: TextIO, *, shapes: bool = True) -> Console:
    width = None if stream.isatty() else PIPE_WIDTH
    redacting = cast("TextIO", RedactingStream(stream, shapes=shapes))
    return Console(file=redacting, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True)
