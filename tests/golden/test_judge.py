"""The judge itself: real files, a file per key, and a sample of the recorded answers, each run through Compose."""

import json
import os
from pathlib import Path

import pytest
from compose_judge import ROOT, differences, judge, load, verdict

HERE = Path(__file__).parent
CORPUS = sorted(HERE.glob("awesome-compose/*/compose.yaml"))
KEYS = sorted((HERE.parent / "manifest" / "keys").glob("*.yaml"))
RECORDED = sorted(HERE.glob("*.jsonl"))
EVERY = int(os.environ.get("GITOPS_ORCH_JUDGE_EVERY", "15"))  # one recorded answer in so many is asked again


@pytest.mark.parametrize("path", [*CORPUS, *KEYS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_renders_as_compose_prints_it(compose_oracle, tmp_path, path):
    directory = tmp_path / path.parent.name
    directory.mkdir()
    text = path.read_text(encoding="utf-8")
    (directory / "compose.yaml").write_text(text, encoding="utf-8")
    theirs = judge(compose_oracle, directory, "compose.yaml")
    loaded = load({"compose.yaml": text}, root=str(directory))
    assert list(differences(verdict(loaded), theirs)) == [], loaded.problems


@pytest.mark.parametrize("group", RECORDED, ids=lambda path: path.stem)
def test_the_recorded_answers_are_those_of_compose(compose_oracle, tmp_path, group):
    stale = []
    for number, line in enumerate(group.read_text(encoding="utf-8").splitlines()):
        if number % EVERY:
            continue
        case = json.loads(line)
        directory = tmp_path / str(number) / Path(ROOT).name
        for name, content in case["files"].items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode())
        main = case.get("main", "compose.yaml")
        overlays = ["compose.prod.yaml"] if "environment" in case else []
        answer = judge(compose_oracle, directory, main, *overlays)
        moved = json.loads(
            json.dumps(answer)
            .replace(str(directory), ROOT)
            .replace(str(directory.parent), str(Path(ROOT).parent))
        )
        if list(differences(case["model"], moved)):
            stale.append((number, case["files"]))
    assert not stale
