"""Plan, apply, and the next plan is empty: for every file that people wrote, and for every key."""

from pathlib import Path

import pytest
import yaml
from story import Story

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.problem import Severity

HERE = Path(__file__).parent
CORPUS = sorted(HERE.glob("awesome-compose/*/compose.yaml"))
KEYS = sorted((HERE.parent / "manifest" / "keys").glob("*.yaml"))


def converge(files: dict[str, str | bytes]) -> list[str]:
    """Sync until nothing is left to do, at most twice; return what stands in the way."""
    story = Story(environment="test")
    story.commit(files)
    first = story.sync()
    mistakes = [str(p) for p in first.picture.problems if p.severity is Severity.ERROR]
    if mistakes:
        return mistakes
    failed = [f"{r.action.kind.value}: {r.error}" for r in first.results if r.error]
    plan = story.plan()
    return failed + [hold.reason for hold in plan.holds] + [str(action) for action in plan.actions]


def with_images(text: str) -> str:
    """An overlay that gives an image to what the file would build: a registry is where images come from."""
    services = yaml.safe_load(text)["services"]
    overlay = {
        name: {"image": f"{name}:1", "build": None} for name, body in services.items() if "build" in body
    }
    return yaml.safe_dump({"services": overlay} if overlay else {})


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.parent.name)
def test_a_file_of_the_corpus_converges(path):
    text = path.read_text(encoding="utf-8")
    assert converge({"shop/compose.yaml": text, "shop/compose.test.yaml": with_images(text)}) == []


@pytest.mark.parametrize("path", KEYS, ids=lambda path: path.stem)
def test_a_key_converges(path):
    assert converge({"shop/compose.yaml": path.read_text(encoding="utf-8")}) == []
