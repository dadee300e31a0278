"""Lists the fields of a service that differ between two commits, in Compose's own words, without secrets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

from gitops_orch.model.app import App, FileEntry, FileMount, Json, Service
from gitops_orch.model.display.variable_secrets import secrets_of_app, secrets_of_service, without_values
from gitops_orch.model.plan.action import Change
from gitops_orch.model.sensitive.secret_words import CHANGED, REDACTED, shown_change
from gitops_orch.planner.diff.compose_words import compose_text
from gitops_orch.planner.inputs.world import DeclaredService

_Difference: TypeAlias = tuple[str, Json, Json]  # path, value before, value after
# Lists whose order matters, and that are shown as one text.
_WHOLE = frozenset({"command", "entrypoint", "test", "dns", "dns_search", "security_opt"})
# Mappings whose keys are the members: `networks: front`, not `networks.front: null`.
_MEMBERS = frozenset({"networks", "depends_on"})
_FILES, _SECRETS = "files.", "secrets."
_IDENTITIES = ("target", "source", "path", "Path", "name", "kind")


def service_changes(before: DeclaredService, after: DeclaredService) -> tuple[Change, ...]:
    """Return every field of a service that differs, sorted by name; file contents are named, not shown."""
    old, new = before.service, after.service
    keys = sorted({*old.compose, *new.compose})
    secrets = (
        secrets_of_app(before.app)
        | secrets_of_app(after.app)
        | secrets_of_service(old)
        | secrets_of_service(new)
    )
    shown = (
        _shown(difference, secrets)
        for key in keys
        if not key.startswith("x-")
        for difference in _differences(key, old.compose.get(key), new.compose.get(key))
    )
    return (*shown, *_engine_names(before.app, after.app, new), *_file_changes(old.files, new.files))


def redacted_changes(changes: Iterable[Change], secrets: frozenset[str]) -> tuple[Change, ...]:
    """Return changes without the given secret values, which a command or a health check may repeat."""
    return tuple(_redacted_change(change, secrets) for change in changes)


def _redacted_change(change: Change, secrets: frozenset[str]) -> Change:
    before, after = (
        None if text is None else without_values(text, secrets) for text in (change.before, change.after)
    )
    if before == after and change.before != change.after:
        after = f"{after} (changed)"
    return Change(path=change.path, before=before, after=after)


def _shown(difference: _Difference, secrets: frozenset[str]) -> Change:
    """Return a difference as a person may read it.

    Known values are removed first, while a text that will be quoted or cut still contains them whole.
    """
    path, before, after = difference
    known = without_values(path, secrets)
    return change_of(known, *(compose_text(path, _without(value, secrets)) for value in (before, after)))


def _without(value: Json, secrets: frozenset[str]) -> Json:
    if isinstance(value, str):
        return without_values(value, secrets)
    if isinstance(value, Mapping):
        return {key: _without(each, secrets) for key, each in value.items()}
    return [_without(each, secrets) for each in value] if isinstance(value, Sequence) else value


def change_of(path: str, before: str | None, after: str | None) -> Change:
    """Return a change of a field whose values differ; what may be a secret is redacted."""
    head, _, name = path.partition(".")
    shown = shown_change(name or "", before, after)
    return Change(path=path if name else head, before=shown[0], after=shown[1])


def _differences(path: str, before: Json, after: Json) -> Iterator[_Difference]:
    if before == after or (not before and not after and before is not False and after is not False):
        return
    if isinstance(before or after, Mapping) and _are_mappings(before, after) and not _is_one(path):
        yield from _mapping_differences(path, before, after)
    elif _is_list(before) and _is_list(after) and path.rpartition(".")[2] not in _WHOLE:
        yield from _list_differences(path, before, after)
    else:
        yield path, before, after


def _are_mappings(*values: Json) -> bool:
    return all(value is None or isinstance(value, Mapping) for value in values)


def _is_one(path: str) -> bool:
    """Return whether a path is shown as one value: a ulimit is one, although it has two numbers."""
    return path.startswith("ulimits.")


def _is_list(value: Json) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str))


def _mapping_differences(path: str, before: Json, after: Json) -> Iterator[_Difference]:
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    for key in sorted({*old, *new}):
        there, wanted = old.get(key), new.get(key)
        if path in _MEMBERS and (key in old) != (key in new):
            yield path, key if key in old else None, key if key in new else None
        if there is None and wanted is None and (key in old) != (key in new) and path not in _MEMBERS:
            # `NAME:` without a value removes the image's variable.
            yield f"{path}.{key}", "unset" if key in old else None, "unset" if key in new else None
        yield from _differences(f"{path}.{key}", there, wanted)


def _list_differences(path: str, before: Json, after: Json) -> Iterator[_Difference]:
    """Yield the members that differ, each with the one that it replaces."""
    old = list(before) if isinstance(before, Sequence) else []
    new = list(after) if isinstance(after, Sequence) else []
    removed = [each for each in old if each not in new]
    added = [each for each in new if each not in old]
    if not removed and not added:  # only the order differs, or how often a member is repeated
        yield path, before, after
    for there, wanted in _paired(removed, added):
        texts = (compose_text(path, there), compose_text(path, wanted))
        if texts[0] == texts[1] and isinstance(there, Mapping) and isinstance(wanted, Mapping):
            yield from _mapping_differences(f"{path}.{texts[0]}", there, wanted)
        else:
            yield path, there, wanted


def _paired(removed: list[Json], added: list[Json]) -> Iterator[tuple[Json, Json]]:
    rest = list(removed)
    unmatched = []
    for wanted in added:
        there = next((each for each in rest if _identity(each) == _identity(wanted)), None)
        if there is None or _identity(wanted) is None:
            unmatched.append(wanted)
            continue
        rest.remove(there)
        yield there, wanted
    yield from zip_longest(rest, unmatched)


def _identity(value: Json) -> object:
    if not isinstance(value, Mapping):
        return None
    return next(((key, value[key]) for key in _IDENTITIES if value.get(key)), None)


def _engine_names(before: App, after: App, service: Service) -> Iterator[Change]:
    """Yield the networks and volumes of a service whose keys stay and whose names on the Engine change."""
    for kind, keys in (("networks", service.networks), ("volumes", service.volumes)):
        old = {each.key: each.name for each in getattr(before, kind)}
        new = {each.key: each.name for each in getattr(after, kind)}
        for key in keys:
            if key in old and key in new and old[key] != new[key]:
                yield change_of(f"{kind}.{key}.name", old[key], new[key])


def _file_changes(before: Sequence[FileMount], after: Sequence[FileMount]) -> Iterator[Change]:
    old, new = _entries(before), _entries(after)
    for path in sorted({*old, *new}):
        there, wanted = old.get(path), new.get(path)
        if there is None or wanted is None:
            yield Change(path=path, before=_size(path, there), after=_size(path, wanted))
            continue
        if there.content.reveal() != wanted.content.reveal():
            after_text = CHANGED if path.startswith(_SECRETS) else f"{_size(path, wanted)} (changed)"
            yield Change(path=path, before=_size(path, there), after=after_text)
        for field in ("mode", "uid", "gid"):
            values = getattr(there, field), getattr(wanted, field)
            if values[0] != values[1]:
                yield Change(
                    path=f"{path}.{field}",
                    before=compose_text(field, values[0]),
                    after=compose_text(field, values[1]),
                )


def _entries(mounts: Sequence[FileMount]) -> dict[str, FileEntry]:
    """Return the files of a service by their paths in its containers, also those of writable binds that follow Git."""
    return {
        (_SECRETS if mount.secret else _FILES)
        + (f"{mount.target}/{entry.path}" if entry.path else mount.target): entry
        for mount in mounts
        for entry in mount.entries
    }


def _size(path: str, entry: FileEntry | None) -> str | None:
    if entry is None:
        return None
    count = len(entry.content.reveal())
    return REDACTED if path.startswith(_SECRETS) else f"{count} byte{'' if count == 1 else 's'}"
