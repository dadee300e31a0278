"""What every verb is given: the options that hold everywhere, the settings they lead to, and the two streams."""

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

VERBATIM = frozenset(
    {"render", "logs"}
)  # they show what the user wrote: only the controller's credentials are struck out
PIPE_WIDTH = 10_000  # nobody reads a pipe by its columns: never break a line there


# A person reads these in the report of the verb, each failure once and whole: they would repeat it on the same terminal.
_IN_THE_REPORT = frozenset({"action.finished", "release.quarantined", "image.quarantined", "run.finished"})


class Shell:
    """The terminal of one invocation."""

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
        """Read the settings, and turn the log on as they say; SettingsError."""
        settings = self.read_settings()
        # Beside a person's output only trouble is worth a line; a service tells its story.
        wants_logs = self._is_service or "log.level" in settings.given
        muted = frozenset() if wants_logs or self.output is not Output.TEXT else _IN_THE_REPORT
        level = settings.log.level if wants_logs else "warning"
        configure_logs(format_name=settings.log.format, level=level, muted=muted)
        return settings

    def read_settings(self) -> Settings:
        """Read the settings as they are now; SettingsError."""
        return load_settings(
            flags=self.options.flags(), environ=os.environ, file=self.options.config, root=is_root()
        )

    @property
    def repository_url(self) -> str:
        """Return the repository's URL; SettingsError where none is named."""
        url = self.settings.repository.url
        if not url:
            raise SettingsError(
                "no configuration repository is named",
                hint="pass --repo URL, or set repository.url in the settings file",
            )
        return url

    @property
    def is_interactive(self) -> bool:
        """Tell whether a person watches stderr."""
        return self.err.is_terminal and self.output is Output.TEXT

    def show(self, document: Document, render: Callable[[Document], RenderableType]) -> None:
        """Print what was found, as JSON or for a person."""
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
        """Show a person that something goes on."""
        if not self.is_interactive:
            yield
            return
        with self.err.status(doing):
            yield

    def note(self, sentence: str, *, style: str = "") -> None:
        """Say something beside the result, on stderr."""
        self.err.print(printable(sentence), style=style)


def print_failure(error: GitopsOrchError, *, output: Output | None) -> None:
    """Say in one sentence what went wrong and what to do next; machines get it as JSON too."""
    if output is Output.JSON:
        document = redact_value({"error": error.message, "hint": error.hint})
        sys.stdout.write(without_turns(json.dumps(document, indent=2, ensure_ascii=False)) + "\n")
    _console(sys.stderr).print(printable(f"gitops-orch: {error}"), style="red")


def _console(stream: TextIO, *, shapes: bool = True) -> Console:
    width = None if stream.isatty() else PIPE_WIDTH
    redacting = cast("TextIO", RedactingStream(stream, shapes=shapes))
    return Console(file=redacting, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True)
