"""Turns a plain function into a verb of the command line, with the options of every verb."""

import importlib
import inspect
import os
from collections.abc import Callable
from typing import Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from gitops_orch.cli.options import EVERYWHERE, Everywhere, taking_everywhere
from gitops_orch.cli.plain import PlainCommand
from gitops_orch.cli.shell import Shell
from gitops_orch.logs import configure_logs, early_level


def load_verb(name: str, module: str) -> TyperCommand:
    """Import this module of `gitops_orch.cli.verbs`, and return the command of its function `name`."""
    return make_verb(getattr(importlib.import_module(f"gitops_orch.cli.verbs.{module}"), name))


def make_verb(function: Callable[..., int]) -> TyperCommand:
    """Return the command for `function(shell, ...)`, which returns an exit code; its name is the function's name."""
    verb = function.__name__
    own = tuple(inspect.signature(function).parameters.values())[1:]

    def run(context: typer.Context, **arguments: Any) -> None:
        nearer = Everywhere(**{key: arguments.pop(key) for key in EVERYWHERE})
        options = context.obj.options = context.obj.options.under(nearer)
        configure_logs(format_name="auto", level=early_level(os.environ))  # until the settings are read
        raise typer.Exit(function(Shell(options, verb=verb, serve_http=context.obj.serve_http), **arguments))

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb, cls=PlainCommand)(taking_everywhere(run, own, doc=function.__doc__))
    return cast("TyperCommand", get_command(app))
