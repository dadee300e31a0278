from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops_orch.clock import SystemClock
from gitops_orch.history.history import History


@pytest.fixture
def open_history(tmp_path: Path) -> Iterator[Callable[..., History]]:
    opened: list[History] = []

    def make(state: Path = tmp_path / "state", url: str | None = None) -> History:
        history = History.open(state, url, SystemClock())
        opened.append(history)
        return history

    yield make
    for history in opened:
        history.close()


@pytest.fixture
def history(open_history: Callable[..., History]) -> History:
    return open_history()
