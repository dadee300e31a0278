"""What Compose v2.26 printed for 4,000 small repositories, against what we print for them.

Each line of a `.jsonl` file is a repository's files and Compose's answer, null where it refuses. `test_judge.py` holds
the answers against Compose itself.
"""

import json
from pathlib import Path

import pytest
from compose_judge import differences, load, printed, verdict

HERE = Path(__file__).parent
GROUPS = sorted(path.name for path in HERE.glob("*.jsonl"))
KEYS = sorted((HERE.parent / "manifest" / "keys").glob("*.yaml"))

# Where we differ on purpose: a part of the file's text, and why.
DELIBERATE = {
    "99999999p": "a size that overflows is refused; Compose wraps it to a negative number",
    "!!binary": "tags other than YAML's own core are refused (FAULTS Y8)",
    "!foo": "tags other than YAML's own core are refused (FAULTS Y8)",
    "!!set": "tags other than YAML's own core are refused (FAULTS Y8)",
    "environment: x\n": "a mistake in an extended file is refused even where a merge would cover it",
    **dict.fromkeys(
        ("A: {a: b}}", "A: [[x]]}", "A: [null]}"), "what is no text is refused even where a merge prints it"
    ),
    **dict.fromkeys(
        ("pids_limit: 1.0e+20", "scale: 1.0e+20", "replicas: -1.0e+20"),
        "a whole number beyond 63 bits is refused; Compose rounds it to a negative one",
    ),
    "A: .inf}": "what is no number that JSON holds is refused even where a merge prints it",
    **dict.fromkeys(
        (
            "other: {image: i, env_file: [{required: true}]}",
            "other: {image: i, label_file: {x: null}}",
            "other: {image: i, volumes: [{type: bind, source: 5, target: /x}]}",
            "'no name!': {image: i, ports: [abc]}",
        ),
        "a service of an extended file that nobody extends: nothing is made of it",
    ),
    "a: {image: i, extends: {file: b.yaml, service: base}}": "an extends that was carried out is not printed; Compose forgets it here",
    "extra_hosts: {h: 2024-01-01}": "a date is refused even where a merge makes text of it",
    **dict.fromkeys(
        ("!reset user", "!override a", "name: !reset"), "a tag where Compose ignores it is refused"
    ),
}


def cases(group: str) -> list[dict]:
    return [json.loads(line) for line in (HERE / group).read_text(encoding="utf-8").splitlines()]


def is_deliberate(files: dict) -> bool:
    return any(part in text for part in DELIBERATE for text in files.values())


@pytest.mark.parametrize("group", GROUPS)
def test_every_repository_reads_as_compose_reads_it(group):
    wrong = []
    for case in cases(group):
        loaded = load(case["files"], case.get("main", "compose.yaml"), environment=case.get("environment"))
        found = list(differences(verdict(loaded), case["model"]))
        if found and not is_deliberate(case["files"]):
            wrong.append((case["files"], found[:3], [str(problem) for problem in loaded.problems][:3]))
    assert not wrong, json.dumps(wrong[:3], indent=1, ensure_ascii=False)


@pytest.mark.parametrize("path", KEYS, ids=lambda path: path.stem)
def test_every_key_reads_as_compose_reads_it(path):
    loaded = load({"compose.yaml": path.read_text(encoding="utf-8")})
    recorded = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(differences(printed(loaded.model)["services"], recorded)) == [], loaded.problems


def test_every_deliberate_difference_is_still_one():
    seen = {
        part
        for group in GROUPS
        for case in cases(group)
        if is_deliberate(case["files"])
        and any(differences(verdict(load(case["files"], environment=case.get("environment"))), case["model"]))
        for part in DELIBERATE
        if any(part in text for text in case["files"].values())
    }
    assert seen == set(DELIBERATE)
