"""Keys newer than Compose 2.26, as the Compose specification has them: read, or refused by a sentence that says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_orch.manifest.compile import render_tree
from gitops_orch.manifest.syntax.dotenv import DotenvError, parse_raw
from gitops_orch.model.rules.pull_policy import PullMode, PullPolicy, parse_pull_policy
from tests.manifest.compile_world import compiled, errors, tree_of


def rendered(body: str, **others: str) -> dict[str, object]:
    """The resolved service of a body in flow style, as `render` prints it."""
    files = {
        "shop/compose.yaml": f"services: {{api: {body}}}\n",
        **{f"shop/{k}": v for k, v in others.items()},
    }
    document, problems = render_tree(tree_of(files))
    assert not problems
    return document["apps"]["default/shop"]["services"]["api"]


# The golden answers were written from the specification: Compose 2.26 refuses these files.
@pytest.mark.parametrize(
    ("body", "key", "printed"),
    [
        ("{image: x, pull_policy: daily}", "pull_policy", "daily"),
        ("{image: x, pull_policy: weekly}", "pull_policy", "weekly"),
        ("{image: x, pull_policy: every_1h30m}", "pull_policy", "every_1h30m"),
        (
            "{image: x, networks: {default: {interface_name: eth7}}}",
            "networks",
            {"default": {"interface_name": "eth7"}},
        ),
        (
            "{image: x, volumes: [{type: image, source: 'm:1', target: /m, image: {subpath: a/b}}]}",
            "volumes",
            [{"type": "image", "source": "m:1", "target": "/m", "image": {"subpath": "a/b"}}],
        ),
        (
            "{image: x, volumes: [{type: volume, target: /m, volume: {labels: [a=b]}}]}",
            "volumes",
            [{"type": "volume", "target": "/m", "volume": {"labels": {"a": "b"}}}],
        ),
        (
            "{image: x, pre_start: [{command: [a], per_replica: true}]}",
            "pre_start",
            [{"command": ["a"], "per_replica": True}],
        ),
        (
            "{image: x, gpus: all}",
            "gpus",
            [{"count": -1}],
        ),
        ("{image: x, build: {context: /c, sbom: true, provenance: mode=max}}", "build", None),
        ("{image: x, cpu_count: 2}", "cpu_count", 2),
        ("{image: x, cpu_percent: 50}", "cpu_percent", 50),
    ],
)
def test_a_newer_key_is_read(body: str, key: str, printed: object) -> None:
    found = rendered(body)
    assert key in found
    assert printed is None or found[key] == printed, found[key]


def test_a_raw_file_of_variables_is_taken_as_it_stands() -> None:
    text = '# no\n\nA=a$b \'#x\n  B="q"\nC=\nD = \nE\n'
    body = "{image: x, env_file: [{path: e.env, format: raw}]}"
    with_space = text.replace("D = \n", "")
    found = rendered(body, **{"e.env": with_space, ".env": "E=1\n"})
    assert found["environment"] == {"A": "a$$b '#x", "B": '"q"', "C": "", "E": "1"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [("A=1\n=2\n", 2, "no name"), ("A B=1\n", 1, "space"), ("\n\nA =1\n", 3, "space")],
)
def test_a_mistake_in_a_raw_file_has_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(DotenvError, match=says) as caught:
        parse_raw(text, {})
    assert caught.value.line == line


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_]{1,5}", fullmatch=True), st.text("a$'\"#= \\{}", max_size=8), max_size=5
    )
)
def test_what_a_raw_file_says_is_what_comes_out(variables: dict[str, str]) -> None:
    assert parse_raw("".join(f"{key}={value}\n" for key, value in variables.items()), {}) == variables


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", PullPolicy(PullMode.MISSING)),
        ("if_not_present", PullPolicy(PullMode.MISSING)),
        ("daily", PullPolicy(PullMode.TIMED, 86_400)),
        ("weekly", PullPolicy(PullMode.TIMED, 604_800)),
        ("every_12h", PullPolicy(PullMode.TIMED, 43_200)),
        ("every_1w2d3h4m5s", PullPolicy(PullMode.TIMED, 604_800 + 2 * 86_400 + 3 * 3600 + 245)),
        ("every_0s", None),
        ("every_", None),
        ("every_12", None),
        ("every_1.5h", None),
        ("hourly", None),
        ("refresh", None),
    ],
)
def test_a_pull_policy_has_its_period(text: str, policy: PullPolicy | None) -> None:
    assert parse_pull_policy(text) == policy


@pytest.mark.parametrize("policy", ["hourly", "every_12", "every_0s", "refresh", "Daily"])
def test_a_pull_policy_that_is_none_is_an_error_with_the_words_that_are(policy: str) -> None:
    text = f"services:\n  api:\n    image: x\n    pull_policy: {policy}\n"
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert error.startswith("shop/compose.yaml:4:5: services.api.pull_policy: must be one of always, ")
    assert "every_12h" in error


@pytest.mark.parametrize("value", ["1h", "every_12h", "5"])
def test_a_key_that_the_specification_does_not_define_is_refused_with_the_one_to_write(value: str) -> None:
    text = f"services:\n  api:\n    image: x\n    pull_refresh_after: {value}\n"
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert error.startswith("shop/compose.yaml:4:5: services.api.pull_refresh_after: no version of Compose")
    assert "write pull_policy: every_12h" in error


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("services: {api: {image: x, models: [llm]}}", "services.api.models"),
        ("services: {api: {image: x, provider: {type: a}}}", "services.api.provider"),
        ("services: {api: {image: x, use_api_socket: true}}", "services.api.use_api_socket"),
        ("services: {api: {image: x}}\nmodels: {llm: {model: a/b}}", "models"),
    ],
)
def test_what_cannot_come_from_git_is_refused_and_says_why(text: str, key: str) -> None:
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert f"{key}: cannot be reconciled from Git: " in error


@pytest.mark.parametrize(
    ("said", "per_replica"),
    [
        ("", False),
        (", per_replica: false", False),
        (", per_replica: 'true'", True),
        (", per_replica: true", True),
    ],
)
def test_a_pre_start_runs_once_for_its_service_unless_it_says_otherwise(
    said: str, *, per_replica: bool
) -> None:
    text = f"services: {{api: {{image: x, pre_start: [{{command: [a]{said}}}]}}}}"
    found = compiled({"shop/compose.yaml": text})
    assert errors(found) == []
    (hook,) = found.apps[0].services[0].pre_start
    assert hook.per_replica is per_replica


def test_a_format_that_is_not_known_is_an_error_at_its_place() -> None:
    text = "services: {api: {image: x, env_file: [{path: e, format: json}]}}"
    (error,) = errors(compiled({"shop/compose.yaml": text, "shop/e": "A=1\n"}))
    assert "services.api.env_file[0].format: the format json is not known; write raw" in error
