"""Splits command lines to words, as Compose splits a `command` or an `entrypoint` that is one text."""

from gitops_orch.manifest.syntax.go_values import InvalidValue

_SPACE = frozenset(" \t\r\n")
_STOPS = frozenset(";&|<>")
_DIGITS = frozenset("0123456789")


class _Splitter:
    """The state of one split: the words so far, the current word, and the open quotes."""

    __slots__ = ("back", "dollar", "double", "escaped", "single", "started", "word", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.word: list[str] = []
        self.started = False
        self.escaped = self.single = self.double = self.back = self.dollar = False

    @property
    def quoted(self) -> bool:
        return self.single or self.double or self.back or self.dollar

    def end_word(self) -> None:
        if self.started:
            self.words.append("".join(self.word))
            self.word, self.started = [], False

    def add(self, char: str) -> None:
        self.word.append(char)
        self.started = True

    def quote(self, char: str) -> bool:
        """Handle a quote sign or a bracket; return whether it needs no further handling."""
        if char == '"' and not self.single and not self.dollar:
            self.started = self.started or self.double
            self.double = not self.double
            return True
        if char == "'" and not self.double and not self.dollar:
            self.started = self.started or self.single
            self.single = not self.single
            return True
        if char == "`" and not self.single and not self.double and not self.dollar:
            self.back = not self.back
        elif char == ")" and not self.single and not self.double and not self.back:
            self.dollar = not self.dollar
        elif char == "(" and not self.single and not self.double and not self.back:
            if self.dollar or not (self.word and self.word[-1] == "$"):
                raise InvalidValue("has a ( that is not quoted; quote it, or write a list")
            self.dollar = True
            self.word.append(char)
            return True
        return False

    def take(self, char: str) -> bool:
        """Process one character; return False where the command ends."""
        if self.escaped:
            self.add(char)
            self.escaped = False
        elif char == "\\":
            self._backslash()
        elif char in _SPACE:
            self._space(char)
        elif self.quote(char):
            pass
        elif char in _STOPS and not self.quoted:
            if char == ">" and self.word and self.word[0] in _DIGITS:
                self.started = False  # the number of a stream, as in 2>file
            return False
        else:
            self.add(char)
        return True

    def _backslash(self) -> None:
        if self.single:
            self.word.append("\\")
        else:
            self.escaped = True

    def _space(self, char: str) -> None:
        if self.quoted:
            self.word.append(char)
        else:
            self.end_word()


def split_words(line: str) -> list[str]:
    """Return the words of a command line.

    The text after an unquoted `;`, `&`, `|`, `<` or `>` is dropped, as by Compose.
    """
    state = _Splitter()
    for char in line:
        if not state.take(char):
            break
    state.end_word()
    if state.escaped or state.quoted:
        raise InvalidValue("has a quote or a bracket that is not closed; close it, or write a list")
    return state.words
