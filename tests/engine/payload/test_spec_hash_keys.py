"""Key by key, from the text of a Compose file to the hash: what counts, and what does not."""

import pytest
import yaml
from compose_judge import load, tree, verdict
from engine.payload_cases import CASES, DELIBERATE, NEWER_CASES, TOP

from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.problem import Severity

BODIES = {**CASES, **NEWER_CASES, **{case: body for case, (body, _) in DELIBERATE.items()}}
# What says in another way what is so without a word.
SAYS_NOTHING = {"base"}
# What Compose prints in a way that neither it nor we can read back.
NOT_READ_BACK = {"blkio", "memory-unlimited-swap"}
PEERS = {"base": {}, "ipc-shareable": {"ipc": "shareable"}, "volumes-named": {"volumes": ["plain:/data"]}}


def file_of(case: str) -> dict:
    text = BODIES[case].replace("YES", "'YES'")  # else a test's own YAML reader makes a boolean of the name
    body = yaml.safe_load(text if text.startswith("{") else f"{{{text}}}")
    services = {name: {"image": "stub:1", **peer} for name, peer in PEERS.items()}
    services["web"] = {"image": "stub:1", **body}
    return {"name": "orc", "services": services, **yaml.safe_load(TOP)}


def hash_of(file: dict) -> str:
    files = {"compose.yaml": yaml.safe_dump(file, sort_keys=False)}
    desired = compile_tree(tree(files), environment=None)
    mistakes = [str(problem) for problem in desired.problems if problem.severity is Severity.ERROR]
    assert mistakes == []
    return spec_hash(desired.apps[0], desired.apps[0].service("web"), salt="salt")


@pytest.fixture(scope="module")
def plain() -> str:
    return hash_of(file_of("base"))


@pytest.mark.parametrize("case", sorted(set(BODIES) - SAYS_NOTHING))
def test_a_key_counts(plain: str, case: str) -> None:
    assert hash_of(file_of(case)) != plain


@pytest.mark.parametrize("case", BODIES)
def test_the_order_of_keys_does_not_count(case: str) -> None:
    assert hash_of(_reversed(file_of(case))) == hash_of(file_of(case))


@pytest.mark.parametrize("case", sorted(set(BODIES) - NOT_READ_BACK))
def test_the_short_and_the_long_form_have_one_hash(case: str) -> None:
    """What Compose prints for a file is the same file, with every short form written out."""
    text = yaml.safe_dump(file_of(case), sort_keys=False)
    assert hash_of(verdict(load(text))) == hash_of(file_of(case))


def _reversed(value):
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return value
