"""Reads the controller's own configuration from flags, `GITOPS_ORCH_*` variables, a file and defaults, in this order.

Every source provides text, and the same rules parse it, so that a value means the same in every source.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from gitops_orch.errors import SettingsError
from gitops_orch.units import DURATION_S

ENVIRONMENT_PREFIX = "GITOPS_ORCH_"
CONFIG_VARIABLE = "GITOPS_ORCH_CONFIG"
SYSTEM_FILE = Path("/etc/gitops-orch/config.yaml")
SYSTEM_STATE_DIR = Path("/var/lib/gitops-orch")

Path_: TypeAlias = tuple[str, ...]
Text: TypeAlias = "str | dict[str, Text] | list[Text]"
Mistake: TypeAlias = tuple[Path_, str]
_S = TypeVar("_S")

# A variable may have the name of the command line's option for the same setting.
_FLAGS: Mapping[str, Path_] = {
    "repo": ("repository", "url"),
    "branch": ("repository", "branch"),
    "path": ("repository", "path"),
    "state_dir": ("state", "dir"),
}
# Settings that were accepted and had no effect, and why a value for them is a mistake. The default, null, is none.
_REMOVED: Mapping[Path_, str] = {
    (
        "http",
        "token_file",
    ): "has no effect: the HTTP port asks for no token; remove it, and keep http.listen on 127.0.0.1, "
    "or put a proxy before it that asks for one",
    ("http", "webhook_secret_file"): "has no effect: there is no webhook; remove it",
}
_ABSENT = ("", "~", "null", "Null", "NULL")  # the forms of null in YAML
_FLAG_WORDS = dict.fromkeys(("true", "yes", "on", "y", "t", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "n", "f", "0"), False
)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|µs|ms|s|m|h|d))+\Z")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|µs|ms|s|m|h|d)")


def parse_duration_s(text: str) -> float:
    """Parse a duration such as `30s` or `1m30s` into seconds; ValueError says what was expected."""
    if not _DURATION.match(text):
        raise ValueError(f'expected a duration such as 30s or 1m30s, found "{text}"')
    return sum(float(number) * DURATION_S[unit] for number, unit in _DURATION_PART.findall(text))


def parse_percent(text: str) -> float:
    """Parse a percentage such as `20%` into a share of 0 to 1; ValueError says what was expected."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text)
    if not found or float(found[1]) > 100:  # noqa: PLR2004  the maximum of a percentage
        raise ValueError(f'expected a percentage such as 20%, found "{text}"')
    return float(found[1]) / 100


def _positive_duration_s(text: str) -> float:
    seconds = parse_duration_s(text)
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  the last TCP port
        raise ValueError(f'expected an address such as 127.0.0.1:8484, found "{text}"')
    return text


def _directory(text: str) -> Path | None:
    if text not in _ABSENT and not Path(text).is_absolute():
        raise ValueError(f'expected an absolute path such as /usr/local/bin, found "{text}"')
    return _file(text)


def _text(value: str) -> str:
    return value


def _word(value: str) -> str | None:
    return None if value in _ABSENT else value


def _file(value: str) -> Path | None:
    return None if value in _ABSENT else Path(value)


def _flag(value: str) -> bool:
    if value.lower() in _FLAG_WORDS:
        return _FLAG_WORDS[value.lower()]
    raise ValueError(f'expected true or false, found "{value}"')


def _count(value: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(value):
        raise ValueError(f'expected a whole number from 0 on, found "{value}"')
    return int(value)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f'expected a name of lower-case letters, digits, ".", "_" and "-", found "{value}"')
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    *others, last = (f"'{choice}'" for choice in choices)

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f'expected {", ".join(others)} or {last}, found "{value}"')
        return value

    return read


# The type of a setting, and the function that parses its text; its ValueError says what was expected.
Text_ = Annotated[str, _text]
Word = Annotated[str | None, _word]
File = Annotated[Path | None, _file]
Directory = Annotated[Path | None, _directory]
Flag = Annotated[bool, _flag]
Count = Annotated[int, _count]
Duration = Annotated[float, _positive_duration_s]
Percent = Annotated[float, parse_percent]
Address = Annotated[str, _address]
Name = Annotated[str, _name]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySettings:
    """The configuration repository, and the credentials for it."""

    url: Word = None
    branch: Text_ = "main"
    path: Text_ = "."
    ssh_key: File = None
    known_hosts: File = None
    token_file: File = None
    allow_force_push: Flag = False
    push_reverts: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """How often the remote is polled, and by which share of the interval the time varies."""

    interval: Duration = 30.0
    jitter: Percent = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncSettings:
    """How often all hosts are listed, even if no event arrived."""

    interval: Duration = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """The location of the mirror and of history; if `url` is None, history is SQLite in `dir`."""

    dir: Annotated[Path, Path] = SYSTEM_STATE_DIR
    url: Word = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The HTTP port."""

    listen: Address = "127.0.0.1:8484"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainSettings:
    """How much is retained: rows of runs, and for each app releases, containers and images."""

    runs: Count = 1000
    releases: Count = 20
    containers: Count = 1
    images: Count = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySettings:
    """The receivers of notices: a file of Apprise URLs, one on each line; a file, because the URLs have credentials."""

    urls_file: File = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The format and the level of the log."""

    format: Annotated[str, _one_of("auto", "json", "console")] = "auto"
    level: Annotated[str, _one_of("debug", "info", "warning", "error")] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one controller; immutable."""

    repository: RepositorySettings = RepositorySettings()
    registries: File = None
    credential_helpers: Directory = None
    environment: Word = None
    instance: Name = "default"
    poll: PollSettings = PollSettings()
    resync: ResyncSettings = ResyncSettings()
    state: StateSettings = StateSettings()
    http: HttpSettings = HttpSettings()
    retain: RetainSettings = RetainSettings()
    notify: NotifySettings = NotifySettings()
    log: LogSettings = LogSettings()
    given: frozenset[str] = frozenset()  # the keys that flags, variables or the file set, as `section.key`

    def with_branch(self, branch: str | None) -> "Settings":
        """Return these settings with another branch; None keeps the branch."""
        repository = replace(self.repository, branch=branch) if branch else self.repository
        return replace(self, repository=repository)

    def by_key(self) -> dict[str, object]:
        """Return each setting by its key, in the form `section.key`."""
        return dict(_flat(self, ()))


def load_settings(
    *, flags: Mapping[Path_, str], environ: Mapping[str, str], file: Path | None, root: bool
) -> Settings:
    """Merge flags, variables, the file and defaults, in this precedence; SettingsError has all mistakes."""
    document, places = _read_file(_choose_file(file, environ, root=root))
    values: dict[str, Text] = {"state": {"dir": str(default_state_dir(environ, root=root))}}
    _lay_over(values, document)
    for path, text, place in _overrides(flags, environ):
        _put(values, path, text)
        places[path] = place
    mistakes: list[Mistake] = []
    settings = _read_section(Settings, values, (), mistakes)
    if mistakes:
        raise SettingsError("\n".join(_sentences(mistakes, places)))
    return replace(settings, given=frozenset(".".join(path) for path in places))


def default_state_dir(environ: Mapping[str, str], *, root: bool) -> Path:
    """Return the state directory of systemd, else the system's for root, else the user's XDG directory."""
    if environ.get("STATE_DIRECTORY"):  # systemd.exec(5); several are separated by colons
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    if root:
        return SYSTEM_STATE_DIR
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/state")
    return Path(base) / "gitops-orch"


def is_root() -> bool:
    """Return whether this process may write to the directories of system services."""
    return os.geteuid() == 0


def _read_file(path: Path | None) -> tuple[dict[str, Text], dict[Path_, str]]:
    if path is None:
        return {}, {}
    # Imported here, because it needs a YAML parser, and most commands do not read a file.
    from gitops_orch.settings_file import read_settings_file

    return read_settings_file(path)


def _choose_file(file: Path | None, environ: Mapping[str, str], *, root: bool) -> Path | None:
    named = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is None and root and SYSTEM_FILE.exists():
        return SYSTEM_FILE
    return named


def _overrides(flags: Mapping[Path_, str], environ: Mapping[str, str]) -> Iterator[tuple[Path_, str, str]]:
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT_PREFIX) and name != CONFIG_VARIABLE:
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
            yield _FLAGS.get(key, tuple(key.split("__"))), environ[name], f"the variable {name}"
    for path, text in flags.items():
        yield path, text, "the command line"


def _lay_over(below: dict[str, Text], above: Mapping[str, Text]) -> None:
    for key, value in above.items():
        under = below.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            _lay_over(under, value)
        elif not (isinstance(under, dict) and value in _ABSENT):  # an empty section, such as `state:`
            below[key] = value


def _put(values: dict[str, Text], path: Path_, text: str) -> None:
    *parents, last = path
    for key in parents:
        child = values.setdefault(key, {})
        if not isinstance(child, dict):
            return  # the mistake is in the file, and is reported there
        values = child
    values[last] = text


def _read_section(section: type[_S], value: Text, at: Path_, mistakes: list[Mistake]) -> _S:
    """Parse a section from its texts; use defaults for missing and wrong values, and add mistakes to the list."""
    if not isinstance(value, dict):
        if value not in _ABSENT:
            mistakes.append((at, f'expected keys and values, found "{value}"'))
        return section()
    keys = _keys(section)
    read = {
        name: _read_value(keys[name], value[name], (*at, name), mistakes) for name in keys if name in value
    }
    mistakes += [
        ((*at, name), _REMOVED.get((*at, name)) or _unknown_key(name, list(keys)))
        for name in value
        if name not in keys and not ((*at, name) in _REMOVED and value[name] in _ABSENT)
    ]
    return section(**read)


def _read_value(key: Field[Any], value: Text, at: Path_, mistakes: list[Mistake]) -> object:
    if is_dataclass(key.default):
        return _read_section(type(key.default), value, at, mistakes)
    problem = f'expected one value, found "{value}"'
    try:
        if isinstance(value, str):
            (read,) = _readers(key)
            return read(value)
    except ValueError as error:
        problem = str(error)
    mistakes.append((at, problem))
    return key.default


def _keys(section: Any) -> dict[str, Field[Any]]:
    """Return the fields of a section that are settings, or sections of settings."""
    return {each.name: each for each in fields(section) if _readers(each) or is_dataclass(each.default)}


def _readers(key: Field[Any]) -> tuple[Callable[[str], object], ...]:
    """Return the function that parses the setting's text, or an empty tuple if the field is no setting."""
    return getattr(key.type, "__metadata__", ())


def _flat(section: Any, at: Path_) -> Iterator[tuple[str, object]]:
    for name in _keys(section):
        value = getattr(section, name)
        if is_dataclass(value):
            yield from _flat(value, (*at, name))
        else:
            yield ".".join((*at, name)), value


def _sentences(mistakes: Iterable[Mistake], places: Mapping[Path_, str]) -> Iterator[str]:
    for path, problem in mistakes:
        inside = next((place for at, place in places.items() if at[: len(path)] == path), "settings")
        place = next((places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places), inside)
        yield f"{place}: {'.'.join(path)}: {problem}"


def _unknown_key(key: str, keys: Sequence[str]) -> str:
    begins = [each for each in keys if each.startswith(key)]
    near = difflib.get_close_matches(key, keys, n=1) or begins
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"
