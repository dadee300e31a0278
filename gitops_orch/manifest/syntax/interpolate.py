"""Replaces variables in values: `$NAME`, `${NAME}` and every operator of the Compose specification.

Note [Once, after parsing]
Values are inserted into the parsed tree and not scanned again. So a variable can add neither structure to the file nor
other variables.

Note [One pass]
Text is scanned from left to right, and the length of the result is counted. So neither a megabyte of braces nor a large
variable that is used often takes more than its share of time or memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitops_orch.manifest.problems.limits import GROWN_MAX, TOO_GROWN, SizeBudget
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.model.sensitive.secret_words import REDACTED, holds_a_secret

NESTING_MAX = 10
NAMES_SHOWN_MAX = 500  # unset variables of one text

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR = re.compile(r":?[-+?]")
_USE = re.compile(r"\$\{?([_a-zA-Z][_a-zA-Z0-9]*)")
_BRACE = re.compile(r"[{}]")


class TemplateError(ValueError):
    """The text cannot be interpolated.

    The message has the reason and the correction; `unquoted` is the same without a quote of the text.
    """

    def __init__(self, message: str, unquoted: str = "") -> None:
        super().__init__(message)
        self.unquoted = unquoted or message


class _Shown(Mapping[str, str]):
    """Variables as a message may show them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return REDACTED if holds_a_secret(name) and self._variables[name] else self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(slots=True, kw_only=True)
class Interpolator:
    """Replaces variables by the values of a mapping, and records the variables that were not set."""

    variables: Mapping[str, str]
    unset: list[str] = field(default_factory=list)
    budget: SizeBudget = field(default_factory=SizeBudget)

    def text(self, template: str, nesting: int = 0) -> str:
        """Return the text with its variables replaced; raise TemplateError where that is impossible."""
        if nesting > NESTING_MAX:
            raise TemplateError(f"defaults are nested deeper than {NESTING_MAX} levels; flatten them")
        if self.budget.grown > GROWN_MAX:
            return ""  # reported before
        done: list[str] = []
        at, line_end = 0, -1
        while (dollar := template.find("$", at)) >= 0:
            if dollar > line_end:
                line_end = template.find("\n", dollar)
                line_end = len(template) if line_end < 0 else line_end
            done.append(template[at:dollar])
            replacement, at = self._token(template, dollar, line_end, nesting)
            done.append(replacement)
            if not self.budget.may_grow(len(replacement)):
                raise TemplateError(TOO_GROWN)
        done.append(template[at:])
        return "".join(done)

    def _token(self, template: str, dollar: int, line_end: int, nesting: int) -> tuple[str, int]:
        """Return the replacement of the token at a dollar sign, and the index after the token."""
        following = template[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if following == "{":
            return self._braced(template, dollar, line_end, nesting)
        name = _NAME.match(template, dollar + 1)
        if name is None:
            return "$", dollar + 1
        return self._value(name[0]), name.end()

    def _value(self, name: str) -> str:
        value = self.variables.get(name)
        if value is None:
            self.unset.append(name)
            return ""
        return value

    def _braced(self, template: str, dollar: int, line_end: int, nesting: int) -> tuple[str, int]:
        name = _NAME.match(template, dollar + 2)
        if name is None:
            raise _invalid(template, dollar, "a variable's name must follow")
        if template[name.end() : name.end() + 1] == "}":
            return self._value(name[0]), name.end() + 1
        operator = _OPERATOR.match(template, name.end())
        if operator is None:
            raise _invalid(template, dollar, "after the name only }, :-, -, :?, ?, :+ or + may follow")
        end = _closing(template, dollar, operator.end(), line_end)
        if end < 0:
            raise _invalid(template, dollar, "the closing } is missing on its line")
        reader = replace(self, variables=_Shown(self.variables)) if operator[0].endswith("?") else self
        word = reader.text(template[operator.end() : end], nesting + 1)
        return self._operate(name[0], operator[0], word), end + 1

    def _operate(self, name: str, operator: str, word: str) -> str:
        value = self.variables.get(name)
        missing = value is None or (operator.startswith(":") and not value)
        match operator[-1]:
            case "-":
                return word if missing else value or ""
            case "+":
                return (value or "") if missing else word
            case _:
                if missing:
                    raise TemplateError(
                        f"the required variable {name} is not set{': ' + word if word else ''}",
                        "a required variable is not set",
                    )
                return value or ""


def _closing(template: str, dollar: int, start: int, line_end: int) -> int:
    """Return the index of the closing brace for the dollar sign, as Compose counts braces; -1 where there is none.

    Compose counts on one line only, and never reads the character after an opening brace. If its count never returns to
    zero, it takes the line's last brace.
    """
    depth, skipped = 0, -1
    for brace in _BRACE.finditer(template, dollar + 1, line_end):
        at = brace.start()
        if at == skipped:
            continue
        if brace[0] == "{":
            depth += 1
            skipped = at + 1
        else:
            depth -= 1
            if depth == 0:
                return at
    return template.rfind("}", start, line_end)


def _invalid(template: str, dollar: int, why: str) -> TemplateError:
    shown, advice = template[dollar : dollar + 40], "write $$ for a dollar sign"
    return TemplateError(
        f"cannot interpolate {shown!r}: {why}; {advice}", f"cannot interpolate the value: {why}; {advice}"
    )


def named_once(names: Sequence[str]) -> list[str]:
    """Return the first names of a text, each once: the caller may search the text for each."""
    return list(dict.fromkeys(names))[:NAMES_SHOWN_MAX]


def names_in(value: Any) -> frozenset[str]:
    """Return the names of all variables that may be looked up for a tree."""
    if type(value) is str:
        return frozenset(_USE.findall(value)) if "$" in value else frozenset()
    children = value.values() if type(value) is dict else value if type(value) is list else ()
    return frozenset().union(*map(names_in, children))


def interpolate(
    value: Any,
    interpolator: Interpolator,
    report_error: Callable[[KeyPath, str], None],
    unset: Callable[[KeyPath, str, str], None],
    used: Callable[[KeyPath, Sequence[str]], None] = lambda _path, _names: None,
) -> Any:
    """Return the tree with the variables of every text replaced.

    `report_error` is called with the path of a mistake, and `unset` with the path, name and text of an unset variable.
    `used` is called for each text that uses variables, with their names.
    """
    return _Walk(interpolator, report_error, unset, used).walk(value)


@dataclass(slots=True)
class _Walk:
    """One walk through a tree.

    It is not a closure: a closure that names itself is a reference cycle, and would keep whole documents in memory.
    """

    interpolator: Interpolator
    report_error: Callable[[KeyPath, str], None]
    unset: Callable[[KeyPath, str, str], None]
    used: Callable[[KeyPath, Sequence[str]], None]
    trail: list[str | int] = field(default_factory=list)

    def walk(self, item: Any) -> Any:
        if type(item) is str:
            return self.replace(item) if "$" in item else item
        if type(item) is dict:
            changed: dict[str, Any] = {}
            for key, child in item.items():
                self.trail.append(key)
                changed[key] = self.walk(child)
                self.trail.pop()
            return changed
        if type(item) is list:
            entries: list[Any] = []
            for index, child in enumerate(item):
                self.trail.append(index)
                entries.append(self.walk(child))
                self.trail.pop()
            return entries
        return item

    def replace(self, template: str) -> str:
        self.interpolator.unset.clear()
        self.used(tuple(self.trail), _USE.findall(template))
        try:
            text = self.interpolator.text(template)
        except TemplateError as error:
            self.report_error(tuple(self.trail), str(error))
            return template
        for name in named_once(self.interpolator.unset):
            self.unset(tuple(self.trail), name, template)
        return text
