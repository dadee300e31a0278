"""Plan, apply, and the next plan is empty: for every file that people wrote, and for every key."""

import re
from pathlib import Path

import pytest
import yaml
from compose_judge import tree
from story import Scenario

from gitops_orch.engine.simulated import create
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.problem import Severity

HERE = Path(__file__).parent
CORPUS = sorted(HERE.glob("awesome-compose/*/compose.yaml"))
MISSING = re.compile(r": (\S+) is not in Git")
WRONG = re.compile(r": services\.(v\d+)[.:]")
VARIABLES = "PLEX_MEDIA_PATH=/media\n"
# A container cannot join a network that nobody made; and a thousand replicas converge as ten do.
NOT_CARRIED_OUT = {"network_mode", "scale"}
KEYS = [
    path
    for path in sorted((HERE.parent / "manifest" / "keys").glob("*.yaml"))
    if path.stem not in NOT_CARRIED_OUT
]
ROUNDS_MAX = 4


@pytest.fixture(autouse=True)
def _few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates are looked at more seldom: what is judged here is what comes after them."""
    monkeypatch.setattr("gitops_orch.controller.execute.gates.GATE_POLL_S", 60.0)
    # Any word may stand for a command here, `true` as well, and a service that ends would converge to nothing.
    monkeypatch.setattr(create, "_behaviour", lambda image, _command: image)


def converge(files: dict[str, str | bytes]) -> list[str]:
    """Sync once; return what stands in the way of having nothing left to do."""
    story = Scenario(environment="test")
    story.world.api_version = "1.49"
    story.commit(files)
    first = story.sync()
    mistakes = [str(p) for p in first.final_status.problems if p.severity is Severity.ERROR]
    failed = [f"{r.action.kind.value}: {r.error}" for r in first.results if r.error]
    plan = story.plan()
    return mistakes + failed + [hold.reason for hold in plan.holds] + [str(action) for action in plan.actions]


def with_missing_files(files: dict[str, str | bytes]) -> dict[str, str | bytes]:
    """Add what the Compose file mounts and the corpus does not hold."""
    problems = compile_tree(tree(files), environment="test").problems
    missing = [found[1] for each in problems if (found := MISSING.search(str(each)))]
    return {**dict.fromkeys(missing, "content"), **files}


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
    files = {"shop/compose.yaml": text, "shop/compose.test.yaml": with_images(text), "shop/.env": VARIABLES}
    assert converge(with_missing_files(files)) == []


def without_mistakes(text: str) -> str:
    """Leave out the services that Compose reads and `validate` refuses; what is left may clash no more, or do so now."""
    blocks = re.split(r"(?m)^(?=  v\d+:)", text)
    for _ in range(ROUNDS_MAX):
        desired = compile_tree(tree({"shop/compose.yaml": "".join(blocks)}), environment="test")
        errors = [str(each) for each in desired.problems if each.severity is Severity.ERROR]
        wrong = {found[1] for each in errors if (found := WRONG.search(each))}
        blocks = [block for block in blocks if block.split(":")[0].strip() not in wrong]
    return "".join(blocks)


@pytest.mark.parametrize("path", KEYS, ids=lambda path: path.stem)
def test_a_key_converges(path):
    assert converge({"shop/compose.yaml": without_mistakes(path.read_text(encoding="utf-8"))}) == []
