"""Whatever is committed, a compile ends, and ends with a value."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifest.compile_world import tree_of

from gitops_orch.errors import INTERNAL_ERROR
from gitops_orch.manifest.compile import compile_tree, render_tree

WORDS = st.sampled_from(
    [
        "null",
        "[]",
        "{}",
        "yes",
        "3",
        "-1",
        "1.5",
        "''",
        "x",
        "[a]",
        "{a: }",
        "${X}",
        "${X:?y}",
        "2026-01-01",
        "[[]]",
        "[{}]",
    ]
)
KEYS = st.sampled_from(
    [
        *(
            "image",
            "volumes",
            "ports",
            "deploy",
            "networks",
            "environment",
            "configs",
            "secrets",
            "healthcheck",
        ),
        *(
            "scale",
            "container_name",
            "security_opt",
            "depends_on",
            "x-gitops",
            "network_mode",
            "restart",
            "build",
        ),
    ]
)
POLICY_KEYS = st.sampled_from(
    ["namespace", "placement", "depends_on", "rollout", "rollback", "move", "adopt", "drift", "prune", "hold"]
)


@st.composite
def compose_files(draw) -> str:
    body = draw(st.dictionaries(KEYS, WORDS, max_size=4))
    policy = draw(st.dictionaries(POLICY_KEYS, WORDS, max_size=3))
    lines = ["services:", "  api:", *(f"    {key}: {value}" for key, value in body.items())]
    lines += ["x-gitops:", *(f"  {key}: {value}" for key, value in policy.items())]
    lines += [
        f"{key}: {draw(WORDS)}"
        for key in draw(st.sets(st.sampled_from(["name", "networks", "volumes", "configs"])))
    ]
    return "\n".join(lines) + "\n"


def ours(desired) -> list[str]:
    """Return what is nobody's mistake but ours: an exception that nobody foresaw."""
    return [problem.message for problem in desired.problems if INTERNAL_ERROR in problem.message]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.lists(compose_files(), min_size=1, max_size=3), host=compose_files())
def test_no_file_makes_a_compile_raise_and_every_file_is_an_app_or_a_problem(files, host):
    tree = tree_of(
        {f"a{number}/compose.yaml": text for number, text in enumerate(files)} | {"hosts/h.yaml": host}
    )
    desired = compile_tree(tree, environment=None)
    render_tree(tree)
    apps = {app.path for app in desired.apps}
    troubled = {problem.position.path for problem in desired.problems}
    assert not ours(desired)
    assert all(path in apps or path in troubled for path in tree.files)
    assert len(desired.invalid_apps) + len(desired.invalid_paths) + len(desired.apps) <= len(files)
    assert len(desired.invalid_paths) + len(set(desired.invalid_apps)) + len(apps) > 0


@settings(max_examples=60, deadline=None)
@given(text=st.binary(max_size=200))
def test_no_bytes_make_a_compile_raise(text):
    tree = tree_of({"a/compose.yaml": text, "hosts/h.yaml": text, "gitops.yaml": text})
    desired = compile_tree(tree, environment=None)
    assert not ours(desired)
    assert desired.apps or desired.problems
