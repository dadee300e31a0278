"""Reads variable files (`.env`, `env_file` and `label_file`) with the quoting and expansion of Compose."""

import re
from collections import ChainMap
from collections.abc import Callable, Mapping

from gitops_orch.manifest.problems.limits import TOO_GROWN, SizeBudget
from gitops_orch.manifest.problems.safe_quotes import is_by_chance
from gitops_orch.manifest.problems.unset_variables import HIDDEN
from gitops_orch.manifest.syntax.interpolate import Interpolator, TemplateError, named_once
from gitops_orch.model.sensitive.secret_words import holds_a_secret, passwords_in

_EXPORT = re.compile(r"export\s+")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_OCTAL_BYTE = re.compile(r"[0-3][0-7]{2}")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_BLANK = "\t\v\f\r \x85\xa0"
_BLANK_LINES = re.compile(r"(?:\s+|#[^\n]*)*")
_BLANKS = re.compile(f"[{_BLANK}]*")
_KEY_END = re.compile(r"[=:\n]")
_QUOTED = {quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL) for quote in ("'", '"')}
# Messages never quote a line: the apparent name may be the second line of a key.
_SPACE_IN_NAME = "a name must not contain a space; write NAME=value"
_KEY_SIGNS = frozenset("_.-[]")
VARIABLES_MAX = 10_000  # of one file


class DotenvError(ValueError):
    """The file cannot be read; `line` is the position."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def parse_dotenv(
    text: str,
    lookup: Mapping[str, str],
    *,
    own_first: bool = False,
    budget: SizeBudget | None = None,
    unset: Callable[[str, int], None] = lambda _name, _line: None,
) -> dict[str, str]:
    """Return the variables of a file, later ones override earlier ones; raise DotenvError where it cannot be read.

    A value may use variables: of `lookup`, else of the lines above it; in the reverse order with `own_first`.
    `unset` is called with the name of a variable that is in neither, and the line that uses it.
    """
    own: dict[str, str] = {}
    first, second = (own, lookup) if own_first else (lookup, own)
    variables: Mapping[str, str] = ChainMap(first, second)  # type: ignore[arg-type]  # never written to
    interpolator = Interpolator(variables=variables, budget=budget or SizeBudget())
    return _Parser(text.removeprefix("\ufeff"), lookup, own, interpolator, unset).parse()


def parse_raw(text: str, lookup: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file of the format `raw`: a value is the rest of its line, unchanged."""
    found: dict[str, str] = {}
    for number, row in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = row.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        key, separator, value = line.partition("=")
        if not key:
            raise DotenvError("a line has no name; write NAME=value", number)
        if any(map(str.isspace, key)):
            raise DotenvError(_SPACE_IN_NAME, number)
        if separator:
            found[key] = value
        elif key in lookup:
            found[key] = lookup[key]
        if len(found) > VARIABLES_MAX:
            raise DotenvError(f"more than {VARIABLES_MAX} variables in a file; split it", number)
    return found


class _Parser:
    def __init__(
        self,
        text: str,
        lookup: Mapping[str, str],
        own: dict[str, str],
        interpolator: Interpolator,
        unset: Callable[[str, int], None],
    ) -> None:
        self._text = text
        self._at = 0
        self._name = ""  # of the value that is being read
        self._unset = unset
        self._lookup = lookup
        self._own = own
        self._interpolator = interpolator

    def parse(self) -> dict[str, str]:
        while self._skip_to_statement():
            key, inherited = self._key()
            if " " in key:
                raise self._error(_SPACE_IN_NAME)
            if inherited:
                value = self._lookup.get(key)
                if value is not None:
                    self._own[key] = value
                    self._grow(value)
            else:
                self._name = key
                self._own[key] = self._value()
            if len(self._own) > VARIABLES_MAX:
                raise self._error(f"more than {VARIABLES_MAX} variables in a file; split it")
        return self._own

    def _hides(self, value: str) -> bool:
        """Return whether the value that is being read may be a secret, or contain one."""
        return holds_a_secret(self._name) or bool(passwords_in(value))

    def _grow(self, value: str) -> None:
        if not self._interpolator.budget.may_grow(len(value)):
            raise self._error(TOO_GROWN)

    def _error(self, message: str) -> DotenvError:
        return DotenvError(message, self._text.count("\n", 0, self._at) + 1)

    def _skip_to_statement(self) -> bool:
        skipped = _BLANK_LINES.match(self._text, self._at)
        self._at = skipped.end() if skipped else self._at
        return self._at < len(self._text)

    def _key(self) -> tuple[str, bool]:
        """Return the next name, and whether it has no value of its own."""
        export = _EXPORT.match(self._text, self._at)
        if export:
            self._at += len("export")
            self._skip_blanks()
            if self._at == len(self._text):
                raise self._error("nothing follows export; write NAME=value")
        start = self._at
        end = _KEY_END.search(self._text, start)
        written = self._text[start : end.start() if end else len(self._text)]
        for char in written:
            if char not in _BLANK and char not in _KEY_SIGNS and not char.isalpha() and not char.isnumeric():
                raise self._error(f"{char!r} is not allowed in a name; write NAME=value")
        if end is None:
            # Without a line end, Compose reads a single last name as the value of a variable without a name.
            return "", False
        self._at = end.end()
        self._skip_blanks()
        return written.rstrip(), end[0] == "\n"

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at

    def _value(self) -> str:
        if self._text[self._at : self._at + 1] in ('"', "'"):
            return self._quoted()
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        value = self._text[self._at : end].partition(" #")[0].rstrip()
        expanded = self._expanded(value)
        self._at = end + 1
        return expanded

    def _quoted(self) -> str:
        quote = self._text[self._at]
        whole = _QUOTED[quote].match(self._text, self._at)
        if whole is None:
            raise self._error(f"the quote {quote} is not closed; close it, or remove it")
        value = whole[1].replace("\\" + quote, quote)
        expanded = self._expanded(_ESCAPE.sub(_unescape, value)) if quote == '"' else value
        self._at = whole.end()
        return expanded

    def _expanded(self, value: str) -> str:
        if "$" not in value:
            return value
        try:
            expanded = self._interpolator.text(value)
        except TemplateError as error:
            raise self._error(error.unquoted) from error
        if self._interpolator.unset:
            line = self._text.count("\n", 0, self._at) + 1
            hides = self._hides(value)
            for name in named_once(self._interpolator.unset):
                self._unset(HIDDEN if hides and is_by_chance(value, name) else name, line)
            self._interpolator.unset.clear()
        return expanded


def _unescape(match: re.Match[str]) -> str:
    sequence = match[0]
    if sequence == "\\$":
        return "$$"
    if sequence.startswith("\\0"):
        octal = _OCTAL_BYTE.fullmatch(sequence[2:])
        return chr(int(octal[0], 8)) if octal else f"\\{sequence[2:]}"  # Compose has removed the 0 by then
    return _ESCAPED.get(sequence[1], sequence)
