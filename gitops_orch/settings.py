"""The controller's own configuration, from four places: flags, then `GITOPS_ORCH_*`, then a file, then defaults.

Every place delivers text, so that one set of rules reads them all: a value means the same wherever it is written.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from gitops_orch.errors import SettingsError

ENVIRONMENT_PREFIX = "GITOPS_ORCH_"
CONFIG_VARIABLE = "GITOPS_ORCH_CONFIG"
SYSTEM_FILE = Path("/etc/gitops-orch/config.yaml")
SYSTEM_STATE_DIR = Path("/var/lib/gitops-orch")
FILE_BYTES_MAX = 1_000_000

Path_: TypeAlias = tuple[str, ...]
Text: TypeAlias = "str | dict[str, Text] | list[Text]"

_FLAGS: Mapping[
    str, Path_
] = {  # a variable may be named after the option of the command line that sets the same
    "repo": ("repository", "url"),
    "branch": ("repository", "branch"),
    "path": ("repository", "path"),
    "state_dir": ("state", "dir"),
}
_ABSENT = ("", "~", "null", "Null", "NULL")  # how YAML writes nothing
_UNIT_S = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|µs|ms|s|m|h|d))+\Z")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|µs|ms|s|m|h|d)")


def parse_duration_s(text: str) -> float:
    """Return the seconds that `30s` or `1m30s` stands for; ValueError says what was expected."""
    if not _DURATION.match(text):
        raise ValueError(f'expected a duration such as 30s or 1m30s, found "{text}"')
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(text))


def parse_percent(text: str) -> float:
    """Return the share that `20%` stands for, 0 to 1; ValueError says what was expected."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text)
    if not found or float(found[1]) > 100:  # noqa: PLR2004  a percentage ends at 100 by definition
        raise ValueError(f'expected a percentage such as 20%, found "{text}"')
    return float(found[1]) / 100


def _positive_duration_s(text: str) -> float:
    seconds = parse_duration_s(text)
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


def _absent(value: object) -> object:
    return None if value in _ABSENT else value


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  the last TCP port
        raise ValueError(f'expected an address such as 127.0.0.1:8484, found "{text}"')
    return text


def _absolute(value: object) -> object:
    if value not in _ABSENT and not Path(str(value)).is_absolute():
        raise ValueError(f'expected an absolute path such as /usr/local/bin, found "{value}"')
    return _absent(value)


Duration = Annotated[float, BeforeValidator(lambda value: _positive_duration_s(str(value)))]
Percent = Annotated[float, BeforeValidator(lambda value: parse_percent(str(value)))]
Address = Annotated[str, BeforeValidator(lambda value: _address(str(value)))]
File = Annotated[Path | None, BeforeValidator(_absent)]
Directory = Annotated[Path | None, BeforeValidator(_absolute)]
Word = Annotated[str | None, BeforeValidator(_absent)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, value: object) -> object:
        return {} if value in _ABSENT else value


class RepositorySettings(_Section):
    """The configuration repository, and how we prove who we are to it."""

    url: Word = None
    branch: str = "main"
    path: str = "."
    ssh_key: File = None
    known_hosts: File = None
    token_file: File = None
    allow_force_push: bool = False
    push_reverts: bool = False


class PollSettings(_Section):
    """How often the remote is asked, and by how much of that the moment varies."""

    interval: Duration = 30.0
    jitter: Percent = 0.2


class ResyncSettings(_Section):
    """How often everything is listed, whether or not anything was heard."""

    interval: Duration = 300.0


class StateSettings(_Section):
    """Where the mirror and history live; `url` None means SQLite in `dir`."""

    dir: Path = SYSTEM_STATE_DIR
    url: Word = None


class HttpSettings(_Section):
    """The one port."""

    listen: Address = "127.0.0.1:8484"
    webhook_secret_file: File = None
    token_file: File = None


class RetainSettings(_Section):
    """How much of the past is kept: rows of runs, and per app releases, containers and images."""

    runs: Count = 1000
    releases: Count = 20
    containers: Count = 1
    images: Count = 3


class NotifySettings(_Section):
    """Who else hears of failures: a file of Apprise URLs, one a line, because such URLs hold credentials."""

    urls_file: File = None


class LogSettings(_Section):
    """What the log looks like, and how much of it there is."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(_Section):
    """All settings of one controller; a value, once read it never changes."""

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

    def with_branch(self, branch: str | None) -> "Settings":
        """Return these settings for another branch; None means the same one."""
        repository = self.repository.model_copy(update={"branch": branch} if branch else {})
        return self.model_copy(update={"repository": repository})


def load_settings(
    *, flags: Mapping[Path_, str], environ: Mapping[str, str], file: Path | None, root: bool
) -> Settings:
    """Lay flags over variables over the file over defaults; SettingsError names every mistake and where it stands."""
    document, places = _read_file(_choose_file(file, environ, root=root))
    values: dict[str, Text] = {"state": {"dir": str(default_state_dir(environ, root=root))}}
    _lay_over(values, document)
    for path, text, place in _overrides(flags, environ):
        _put(values, path, text)
        places[path] = place
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error, places))) from error


def default_state_dir(environ: Mapping[str, str], *, root: bool) -> Path:
    """Return what systemd made for the service, else the system's directory for root, the XDG one for anybody else."""
    if environ.get("STATE_DIRECTORY"):  # systemd.exec(5); several are separated by colons
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    if root:
        return SYSTEM_STATE_DIR
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/state")
    return Path(base) / "gitops-orch"


def is_root() -> bool:
    """Tell whether this process may write where the system's services write."""
    return os.geteuid() == 0


def _choose_file(file: Path | None, environ: Mapping[str, str], *, root: bool) -> Path | None:
    named = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is None and root and SYSTEM_FILE.exists():
        return SYSTEM_FILE
    return named


def _read_file(path: Path | None) -> tuple[dict[str, Text], dict[Path_, str]]:
    if path is None:
        return {}, {}
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(
            f"the settings file {path} cannot be read: {error.strerror}",
            hint="create it, or leave out --config to use the defaults",
        ) from error
    if len(content) > FILE_BYTES_MAX:
        raise SettingsError(f"the settings file {path} is larger than {FILE_BYTES_MAX} bytes")
    try:
        node = yaml.compose(content, Loader=yaml.CBaseLoader)
    except yaml.YAMLError as error:
        raise SettingsError(_yaml_sentence(path, error)) from error
    places: dict[Path_, str] = {}
    value = _construct(node, (), path, places) if node is not None else {}
    if not isinstance(value, dict):
        raise SettingsError(f"{path}:1:1: expected keys and values, such as `repository: {{url: ...}}`")
    return value, places


def _yaml_sentence(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return f"{place}: {getattr(error, 'problem', None) or 'this is not YAML'}"


def _construct(node: yaml.Node, at: Path_, file: Path, places: dict[Path_, str]) -> Text:
    places[at] = _place(file, node)
    if isinstance(node, yaml.ScalarNode):
        if "\0" in node.value:
            raise SettingsError(f"{places[at]}: {'.'.join(at)} holds a NUL character; remove it")
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, at, file, places) for child in node.value]
    mapping: dict[str, Text] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in mapping:
            raise SettingsError(f"{_place(file, key_node)}: {'.'.join((*at, key))} is written twice")
        mapping[key] = _construct(value_node, (*at, key), file, places)
        places[(*at, key)] = _place(file, key_node)
    return mapping


def _place(file: Path, node: yaml.Node) -> str:
    return f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


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
        elif not (isinstance(under, dict) and value in _ABSENT):  # `state:` with nothing below it
            below[key] = value


def _put(values: dict[str, Text], path: Path_, text: str) -> None:
    *parents, last = path
    for key in parents:
        child = values.setdefault(key, {})
        if not isinstance(child, dict):
            return  # the mistake is in the file, and is told from there
        values = child
    values[last] = text


def _sentences(error: ValidationError, places: Mapping[Path_, str]) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        inside = next((place for at, place in places.items() if at[: len(path)] == path), "settings")
        place = next((places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in places), inside)
        yield f"{place}: {'.'.join(path)}: {_complaint(detail, path)}"


def _complaint(detail: ErrorDetails, path: Path_) -> str:
    found = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            keys = _keys_beside(path)
            begins = [key for key in keys if key.startswith(path[-1])]
            near = difflib.get_close_matches(path[-1], keys, n=1) or begins
            return f"unknown key; did you mean {near[0]}?" if near else "unknown key"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "literal_error":
            return f'expected {detail["ctx"]["expected"]}, found "{found}"'
        case "bool_parsing" | "bool_type":
            return f'expected true or false, found "{found}"'
        case "int_parsing" | "int_type" | "greater_than_equal":
            return f'expected a whole number from 0 on, found "{found}"'
        case "string_pattern_mismatch":
            return f'expected a name of lower-case letters, digits, ".", "_" and "-", found "{found}"'
        case "model_type" | "model_attributes_type":
            return f'expected keys and values, found "{found}"'
        case _:
            return detail["msg"]


def _keys_beside(path: Path_) -> list[str]:
    section: type[BaseModel] = Settings
    for key in path[:-1]:
        child = section.model_fields[key].annotation
        if not (isinstance(child, type) and issubclass(child, BaseModel)):
            return []
        section = child
    return list(section.model_fields)
