from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from repositories import Repository

from gitops_orch.clock import SystemClock
from gitops_orch.source.source import Source, SourceSettings


@pytest.fixture
def forge(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "forge" / "fleet.git")


@pytest.fixture
def open_source(tmp_path: Path, forge: Repository) -> Iterator[Callable[..., Source]]:
    opened: list[Source] = []

    def make(**settings: object) -> Source:
        state = settings.pop("state", tmp_path / "state")
        source = Source(
            SourceSettings(**{"url": forge.url, "deadline_s": 20.0, **settings}),
            state / "mirror",
            SystemClock(),
        )
        opened.append(source)
        return source

    yield make
    for source in opened:
        source.close()


@pytest.fixture
def source(open_source: Callable[..., Source]) -> Source:
    return open_source()


def revert(source: Source, *, head: str, **what: object) -> str:
    """Make a revert and push it."""
    made = source.draft_revert(head=head, **what)
    source.push(made, head=head)
    return made
