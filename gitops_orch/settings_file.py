"""Reads the settings file into texts by key, with their positions; settings.py interprets the texts."""

from pathlib import Path
from typing import TypeAlias

import yaml

from gitops_orch.errors import SettingsError

FILE_BYTES_MAX = 1_000_000

Path_: TypeAlias = tuple[str, ...]
Text: TypeAlias = "str | dict[str, Text] | list[Text]"


def read_settings_file(path: Path) -> tuple[dict[str, Text], dict[Path_, str]]:
    """Return the file's values, and the position (`file:line:column`) of each key; SettingsError if it is invalid."""
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
