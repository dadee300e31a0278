"""Parses the values of the command line.

typer validates each value, even if it was not given, by a library that imports more slowly than typer itself. Plain
values (a text, a path, a word of a list) are parsed here. Other values, and mistakes, are passed to typer.
"""

import os
from pathlib import Path
from typing import Any

from typer.core import TyperArgument, TyperOption


def read_values_at_once(parameters: list[Any]) -> list[Any]:
    """Return the parameters, changed to parse plain values without typer's library."""
    for parameter in parameters:
        # Another version of typer may lack this method; then only the start is slower.
        own = getattr(parameter, "get_runtime_param", None)
        if own is not None and not isinstance(getattr(own, "__self__", None), _Values):
            parameter.get_runtime_param = _Values(parameter).itself
    return parameters


class _Values:
    """Replaces typer's parser of one parameter's values."""

    def __init__(self, parameter: TyperArgument | TyperOption) -> None:
        self._of_typer = parameter.get_runtime_param
        self._kind = parameter.type_descriptor

    def itself(self) -> "_Values":
        """Return this object, for typer's request to the parameter."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the parsed value; raise typer's error if it is invalid."""
        found = self._list(value) if self._kind.is_list else self._one(value)
        if found is None and value is not None:
            return self._of_typer().coerce(value, param=param, ctx=ctx)
        return found

    def _list(self, values: Any) -> list[Any] | None:
        found = [self._one(value) for value in values or ()] if self._kind.annotation == list[str] else [None]
        return None if None in found else found

    def _one(self, value: Any) -> Any:
        """Return the value of a plain text or of a default; None for anything else."""
        kind = self._kind.annotation
        if self._kind.choices:
            return next(
                (each for each in self._kind.choices if value in (each, getattr(each, "value", each))), None
            )
        if not isinstance(value, str):
            return value if type(value) is kind else None
        if kind is Path:
            path = Path(value)
            return path if os.access(path, os.R_OK) or not path.exists() else None
        return value if kind in (str, list[str]) else None
