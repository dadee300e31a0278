"""Puts a program's output after our message, and takes it away again. History stores both as one text."""

_MARK = "; its last words: "


def with_output(message: str, output: str) -> str:
    """Return a message with the last output of a program after it, if there is any."""
    return f"{message}{_MARK}{output}" if output else message


def without_output(message: str) -> str:
    """Return a message as it was before `with_output`."""
    return message.partition(_MARK)[0]
