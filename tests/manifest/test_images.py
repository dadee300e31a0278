"""A reference that no registry could have is a mistake of the file, at its place, with what was likely meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.image_reference import reference_mistake, split_reference, with_default_tag
from tests.manifest.compile_world import compiled, errors

DIGEST = "sha256:" + "0a" * 32

_words = st.builds(
    "{}{}{}".format,
    st.sampled_from(["a", "0", "api", "library", "v2x"]),
    st.sampled_from([".", "_", "__", "-", "---"]),
    st.sampled_from(["b", "9", "latest"]),
) | st.sampled_from(["a", "library", "nginx", "localhost", "0a"])
_hosts = st.sampled_from(
    [
        "",
        "localhost/",
        "localhost:5000/",
        "docker.io/",
        "ghcr.io/",
        "A.b-c.example:65535/",
        "[::1]:5000/",
        "127.0.0.1:1/",
    ]
)
_tags = st.sampled_from(["", ":1", ":V1.2_-", ":latest", ":" + "x" * 128])
_digests = st.sampled_from(["", f"@{DIGEST}", "@sha512:" + "1" * 128])


@pytest.mark.parametrize(
    ("image", "suggestion"),
    [
        ("whoami:", "whoami"),
        ("Whoami:1", "whoami:1"),
        ("who ami:1", "whoami:1"),
        ("https://ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("ghcr.io/Acme/api:1", "ghcr.io/acme/api:1"),
        ("Portainer/portainer-ce", "portainer/portainer-ce"),
        ("acme//api:1", "acme/api:1"),
        ("acme/api/", "acme/api"),
        (f"api@{DIGEST.upper().replace('SHA', 'sha')}", f"api@{DIGEST}"),
        ("api@sha256:00", ""),
        ("api@md5:00", ""),
        ("api@", ""),
        ("api:-1", ""),
        ("api:a:b", ""),
        ("api:" + "v" * 129, ""),
        ("host_name.example/api:1", ""),
        ("-api", ""),
        ("a___b", ""),
        ("0a" * 32, ""),
        (":1", ""),
        ("a/" * 130 + "b", ""),
    ],
)
def test_an_image_that_cannot_be_is_an_error_at_its_place(image: str, suggestion: str) -> None:
    (error,) = errors(compiled({"shop/compose.yaml": f'services:\n  api:\n    image: "{image}"\n'}))
    assert error.startswith("shop/compose.yaml:3:5: services.api.image: ")
    assert ("did you mean" in error) is bool(suggestion)
    assert not suggestion or error.endswith(f"; did you mean {suggestion}?")


def test_images_of_hooks_are_checked_too() -> None:
    text = """
        services:
          api:
            image: api:1
            pre_start: [{command: [migrate], image: "Tool:1"}]
        """
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert "services.api.pre_start[0].image" in error
    assert "did you mean tool:1?" in error


def test_images_that_are_mounted_are_checked_too() -> None:
    text = """
        services:
          api:
            image: api:1
            volumes: [{type: image, source: "Model:1", target: /model}]
        """
    (error,) = errors(compiled({"shop/compose.yaml": text}))
    assert "services.api.volumes[0].source" in error
    assert "did you mean model:1?" in error


def test_a_tag_from_a_variable_that_is_not_set_is_an_error() -> None:
    (error,) = errors(compiled({"shop/compose.yaml": 'services: {api: {image: "api:${TAG}"}}'}))
    assert "nothing follows the colon" in error


@pytest.mark.parametrize(
    "image",
    [
        "nginx",
        "library/nginx:1.27",
        "docker.io/nginx",
        "localhost/a:1",
        "localhost:5000/a/b_c/d--e:1",
        "[::1]:5000/a",
        "REG.example/a:V1_.-",
        f"ghcr.io/a/b:1@{DIGEST}",
        "a@sha512:" + "0" * 128,
    ],
)
def test_what_a_registry_can_have_is_accepted(image: str) -> None:
    assert reference_mistake(image) is None


@given(_hosts, st.lists(_words, min_size=1, max_size=3), _tags, _digests)
def test_a_reference_is_taken_apart_as_it_was_put_together(
    host: str, words: list[str], tag: str, digest: str
) -> None:
    path = "/".join(words)
    text = f"{host}{path}{tag}{digest}"
    assert reference_mistake(text) is None
    parts = split_reference(text)
    assert (parts.tag, parts.digest) == (tag[1:], digest[1:])
    if host not in ("", "docker.io/"):
        assert (parts.domain, parts.path) == (host[:-1], path)
    again = f"{parts.familiar_name}{tag}{digest}"
    assert normalise(again) == normalise(text) == normalise(normalise(text))


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser_and_no_suggestion_is_wrong(text: str) -> None:
    mistake = reference_mistake(text)
    assert mistake is None or not mistake.suggestion or reference_mistake(mistake.suggestion) is None
    split_reference(text)
    with_default_tag(text)
    normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("a/b:1", "index.docker.io/a/b:1"),
        (f"a:1@{DIGEST}", f"a@{DIGEST}"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
    ],
)
def test_two_ways_to_write_one_image_are_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"), [("ghcr.io/library/a", "a"), ("a/nginx", "nginx"), ("localhost:5000/a", "a")]
)
def test_images_of_different_registries_are_not_the_same(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)
