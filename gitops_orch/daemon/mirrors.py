"""Opens the mirror of the configuration repository with the given settings."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from gitops_orch.clock import Clock
from gitops_orch.settings import Settings
from gitops_orch.source.access import SourceSettings
from gitops_orch.source.source import Source


@contextmanager
def open_source(settings: Settings, url: str, clock: Clock) -> Iterator[Source]:
    """Open the mirror of a repository. Each URL has its own, so that another `--repo` does not affect it."""
    repository = settings.repository
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    source = Source(
        SourceSettings(
            url=url,
            branch=repository.branch,
            path=repository.path,
            ssh_key=repository.ssh_key,
            known_hosts=repository.known_hosts,
            token_file=repository.token_file,
            allow_force_push=repository.allow_force_push,
        ),
        settings.state.dir / "mirrors" / f"{name}.git",
        clock,
    )
    try:
        yield source
    finally:
        source.close()
