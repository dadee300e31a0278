"""Readers of single values: each returns the value of a Compose key in the form that Compose prints.

A reader gets a value that the schema has accepted. It returns `OMIT` where Compose prints nothing: Compose does not
distinguish absent, zero and empty values. A mistake is added to the report, and the value is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.syntax import go_values
from gitops_orch.manifest.syntax.go_values import InvalidValue, shown
from gitops_orch.manifest.syntax.shell_words import split_words
from gitops_orch.manifest.syntax.yaml_scalars import INTEGER_MAX, INTEGER_MIN


class _Omit:
    """Marks a value that is not printed."""

    __slots__ = ()


OMIT: Final = _Omit()
Reader: TypeAlias = Callable[[Any, Report], Any]
UINT64_MAX = 2**64 - 1


def text(value: Any, report: Report) -> Any:
    """Read text; a whole number is converted to its digits."""
    if type(value) is str:
        return value or OMIT
    if type(value) is int:
        return str(value)
    if value is not None:
        report.error(f"must be text, is {describe(value)}; quote it")
    return OMIT


def text_or_empty(value: Any, report: Report) -> Any:
    """Read text that is printed even if it is empty."""
    read = text(value, report)
    return "" if read is OMIT else read


def flag(value: Any, report: Report) -> Any:
    """Read a boolean that is printed only if it is true."""
    return optional_flag(value, report) or OMIT if value is not None else OMIT


def optional_flag(value: Any, report: Report) -> Any:
    """Read a boolean for which absent differs from false, so that false is printed too."""
    if type(value) is bool:
        return value
    if value is None:
        return OMIT
    try:
        meant = go_values.boolean(shown(value))
    except InvalidValue as error:
        report.error(str(error))
        return OMIT
    if shown(value).lower() not in ("true", "false"):
        report.warn(f"{value} is no boolean of YAML 1.2; write {shown(meant)}")
    return meant


def optional_integer(value: Any, report: Report) -> Any:
    """Read a whole number for which absent differs from zero."""
    if type(value) is int and value <= INTEGER_MAX:
        return value
    if type(value) is float:
        if INTEGER_MIN <= value < INTEGER_MAX:
            return int(value)
        report.error(f"must be a whole number below 2^63, is {shown(value)}")
        return OMIT
    if value is None:
        return OMIT
    try:
        return go_values.integer(value if type(value) is str else shown(value))
    except InvalidValue as error:
        report.error(str(error))
        return OMIT


def integer(value: Any, report: Report) -> Any:
    """Read a whole number that is printed unless it is zero."""
    return optional_integer(value, report) or OMIT if value is not None else OMIT


def counted(most: int, *, optional: bool = False) -> Reader:
    """Return a reader of a whole number from 0 to `most`."""

    def read(value: Any, report: Report) -> Any:
        number = optional_integer(value, report)
        if number is OMIT:
            return OMIT
        if not 0 <= number <= most:
            report.error(f"must be a whole number from 0 to {most}, is {number}")
            return OMIT
        return number if optional or number else OMIT

    return read


def ranged(least: int, most: int) -> Reader:
    """Return a reader of a whole number within bounds; the bounds also apply to a number written as text."""

    def read(value: Any, report: Report) -> Any:
        number = real32(value, report)
        if number is not OMIT and not (least <= number <= most and number == int(number)):
            report.error(f"must be a whole number from {least} to {most}, is {describe(value)}")
            return OMIT
        return number if number is OMIT else int(number)

    return read


def strictly_counted(most: int) -> Reader:
    """Return a reader of a whole number from 0 to `most` that must not be written as text."""
    count = counted(most)

    def read(value: Any, report: Report) -> Any:
        if type(value) is str:
            report.error(f"must be a whole number, is {describe(value)}; remove the quotes")
            return OMIT
        return count(value, report)

    return read


def real32(value: Any, report: Report) -> Any:
    """Read a decimal fraction of 32 bits, printed unless it is zero."""
    try:
        number = value if type(value) in (int, float) else go_values.decimal(shown(value))
        return go_values.float32(number) or OMIT
    except InvalidValue as error:
        report.error(str(error))
        return OMIT


def size(value: Any, report: Report) -> Any:
    """Read a size in bytes, printed as text unless it is zero."""
    if type(value) is int and value <= INTEGER_MAX:
        return str(value) if value else OMIT
    if type(value) is float:
        return OMIT  # Compose ignores it without a message
    try:
        number = go_values.size_bytes(shown(value))
    except InvalidValue as error:
        report.error(str(error))
        return OMIT
    return str(number) if number else OMIT


def optional_duration(value: Any, report: Report) -> Any:
    """Read a duration for which absent differs from zero."""
    try:
        return go_values.duration_text(go_values.duration_ns(shown(value)))
    except InvalidValue as error:
        report.error(str(error))
        return OMIT


def duration(value: Any, report: Report) -> Any:
    """Read a duration that is printed unless it is zero."""
    read = optional_duration(value, report)
    return OMIT if read == "0s" else read


def entries(item: Reader) -> Reader:
    """Return a reader of a list; an empty one is not printed."""

    def read(value: Any, report: Report) -> Any:
        if type(value) is not list:
            value = [value]
        if not value:
            return OMIT
        read_items = []
        trail = report.trail
        for index, each in enumerate(value):
            trail.append(index)
            read_item = item(each, report)
            trail.pop()
            if read_item is not OMIT:
                read_items.append(read_item)
        return read_items

    return read


def members(item: Reader, *, empty: bool = False) -> Reader:
    """Return a reader of a mapping by name; an empty one is printed only with `empty`."""

    def read(value: Any, report: Report) -> Any:
        found: dict[str, Any] = {}
        trail = report.trail
        for key, each in value.items():
            trail.append(key)
            read_item = item(each, report)
            trail.pop()
            if read_item is not OMIT:
                found[key] = read_item
        return found if found or empty else OMIT

    return read


def struct(fields: Mapping[str, Reader], *, printed_empty: bool = True) -> Reader:
    """Return a reader of a mapping with known keys; other keys are extensions, which are not printed here."""

    def read(value: Any, report: Report) -> Any:
        found: dict[str, Any] = {}
        trail = report.trail
        for key, each in value.items():
            reader = fields.get(key)
            if reader is None or each is None:
                continue
            trail.append(key)
            read_item = reader(each, report)
            trail.pop()
            if read_item is not OMIT:
                found[key] = read_item
        return found if found or printed_empty else OMIT

    return read


def with_defaults(reader: Reader, defaults: Mapping[str, Any]) -> Reader:
    """Return a reader that adds the values that Compose prints even where nothing was written."""

    def read(value: Any, report: Report) -> Any:
        found = reader(value, report)
        return {**defaults, **found} if found is not OMIT else OMIT

    return read


def key_values(value: Any, _report: Report) -> Any:
    """Read `KEY=value` entries or a mapping; a key without a value has empty text."""
    if type(value) is dict:
        found = {key: "" if each is None else shown(each) for key, each in value.items()}
    else:
        found = {}
        for entry in value or ():
            key, _, rest = shown(entry).partition("=")
            found[key] = rest
    return found or OMIT


def environment(value: Any, _report: Report) -> Any:
    """Read `KEY=value` entries or a mapping; a key without a value has null."""
    return environment_map(value) or OMIT


def environment_map(value: Any) -> dict[str, str | None]:
    """Return variables by name; None where a key has no value."""
    if type(value) is dict:
        return {key: None if each is None else shown(each) for key, each in value.items()}
    found: dict[str, str | None] = {}
    for entry in value or ():
        key, equals, rest = shown(entry).partition("=")
        found[key] = rest if equals else None
    return found


def options(value: Any, _report: Report) -> Any:
    """Read a mapping of a driver's options to text."""
    found = {key: "" if each is None else shown(each) for key, each in value.items()}
    return found or OMIT


def command(value: Any, report: Report) -> Any:
    """Read a command line: words unchanged, text split as a shell would."""
    if type(value) is list:
        return value
    try:
        return split_words(value)
    except InvalidValue as error:
        report.error(str(error))
        return OMIT


def health_test(value: Any, _report: Report) -> Any:
    """Read a health check's command: text runs in the container's shell."""
    if type(value) is list:
        return value or OMIT
    return ["CMD-SHELL", shown(value)]


def extra_hosts(value: Any, report: Report) -> Any:
    """Read `host=address` entries or a mapping, printed as sorted `host=address` text."""
    pairs: list[tuple[str, str]] = []
    if type(value) is dict:
        for host, addresses in value.items():
            pairs += [
                (host, shown(each)) for each in (addresses if type(addresses) is list else [addresses or ""])
            ]
    else:
        for index, entry in enumerate(value or ()):
            host, separator, addresses = shown(entry).partition("=")
            if not separator:
                host, separator, addresses = host.partition(":")
            if not separator:
                report.error(f"has no address: {entry!r}; write host=address", index)
                continue
            pairs += [(host, each) for each in addresses.split(",")]
    for host, _ in pairs:
        if not host or set(host) & set(":="):
            report.error(f"the host name {host!r} is not valid; write host=address")
    return sorted(f"{host}={_unbracketed(address)}" for host, address in pairs) if value else OMIT


def _unbracketed(address: str) -> str:
    inner = address[1:-1]
    return inner if inner and address == f"[{inner}]" else address


def device_count(value: Any, report: Report) -> Any:
    """Read the number of requested devices; `all` is -1."""
    if type(value) is str and value.lower() == "all":
        return -1
    if type(value) is float or (type(value) is str and not value.lstrip("+-").isdigit()):
        report.error(f"must be all or a whole number, is {describe(value)}")
        return OMIT
    return integer(value, report)


def ulimit(value: Any, report: Report) -> Any:
    """Read a limit: one number, or a soft and a hard one."""
    if any(type(each) is float for each in (value.values() if type(value) is dict else (value,))):
        report.error(f"must be a whole number, is {describe(value)}")
        return OMIT
    if type(value) is dict:
        return {
            name: limit
            for name in ("soft", "hard")
            if (limit := optional_integer(value.get(name), report)) not in (OMIT, 0)
        }
    number = optional_integer(value, report)
    return {} if number == 0 else number


def uint(bits: int, *, optional: bool = False) -> Reader:
    """Return a reader of an unsigned number of that many bits."""
    return counted(min(2**bits - 1, UINT64_MAX, INTEGER_MAX * 2 + 1), optional=optional)


texts = entries(text_or_empty)
