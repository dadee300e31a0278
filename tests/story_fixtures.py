from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from git_story import GitScenario, compose
from repositories import Repository


@pytest.fixture
def open_story(tmp_path: Path, forge: Repository) -> Iterator[Callable[..., GitScenario]]:
    opened: list[GitScenario] = []

    def make(**settings: object) -> GitScenario:
        opened.append(GitScenario(forge, tmp_path / f"state{len(opened)}", **settings))
        return opened[-1]

    yield make
    for story in opened:
        story.close()


@pytest.fixture
def story(open_story: Callable[..., GitScenario]) -> GitScenario:
    """Two apps that do well."""
    story = open_story()
    story.push({"shop/compose.yaml": compose("good:1"), "blog/compose.yaml": compose("blog:1")})
    assert story.sync().exit_code == 0
    return story
