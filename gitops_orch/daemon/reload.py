"""Decides which settings a running service applies on SIGHUP; all others need a restart."""

from gitops_orch.settings import Settings

# Files that settings name (tokens, keys, credentials of registries) are read at each use, so they need neither.
RELOADABLE = frozenset(
    {"poll.interval", "poll.jitter", "resync.interval", "log.format", "log.level", "notify.urls_file"}
)


def changed_keys(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return the settings that differ, as `section.key`, sorted."""
    old, new = before.by_key(), after.by_key()
    return tuple(sorted(key for key in old if old[key] != new[key]))
