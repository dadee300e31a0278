"""SIGHUP: which settings a running service takes over, and which need a restart."""

from collections.abc import Iterator, Mapping

from gitops_orch.settings import Settings

# Files that settings name (tokens, keys, credentials of registries) are read at each use and need neither.
RELOADABLE = frozenset(
    {"poll.interval", "poll.jitter", "resync.interval", "log.format", "log.level", "notify.urls_file"}
)


def changed_keys(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return the settings that differ, as `section.key`, sorted."""
    old, new = dict(_flat(before.model_dump())), dict(_flat(after.model_dump()))
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
