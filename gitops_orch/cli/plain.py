"""Defines typer commands that avoid the libraries for drawing and validation, whose import is slower than typer's.

Help is plain text, in sections by heading. values.py parses the values of the command line.
"""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from gitops_orch.cli.values import read_values_at_once

# The width of an option with its values; after a longer one, the sentence begins on the next line.
_NAME_CHARS_MAX = 34
_WIDE = 10_000  # the width for a sentence, so that none is cut


class PlainCommand(TyperCommand):
    """A verb, whose help lists arguments and options by heading."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with that of the help."""
        return read_values_at_once(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options."""
        _write_parameters(self, ctx, formatter)


class PlainGroup(TyperGroup):
    """The group of all verbs, whose help lists them by heading."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with that of the help."""
        return read_values_at_once(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the verbs."""
        _write_parameters(self, ctx, formatter)
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, commands))
        _write_sections(
            formatter,
            (
                (_heading(command, "Commands"), (name.ljust(width), command.get_short_help_str(_WIDE)))
                for name, command in commands.items()
                if command
            ),
        )


def _write_parameters(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:
    found = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
        if record is not None:
            found.append((_heading(parameter, usual), record))
    _write_sections(formatter, found)


def _heading(of: object, usual: str) -> str:
    return getattr(of, "rich_help_panel", None) or usual


def _write_sections(formatter: Any, rows: Iterable[tuple[str, tuple[str, str]]]) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for heading, row in rows:
        sections.setdefault(heading, []).append(row)
    for heading, section in sections.items():
        with formatter.section(heading):
            formatter.write_dl(section, col_max=_NAME_CHARS_MAX)
