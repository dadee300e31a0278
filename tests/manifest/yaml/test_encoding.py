"""What is no text is an error at its place: the line and the column of the byte or the character that cannot be read."""

import pytest
from manifest.compile_world import compiled, errors

SERVICE = "services:\n  web:\n    image: web:1\n"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        (
            {"a/compose.yaml": f"{SERVICE}    labels: {{name: é}}\n".encode("latin-1")},
            "a/compose.yaml:4:20: the byte 0xe9 is not UTF-8",
        ),
        (
            {"a/compose.yaml": "# 日本語 é\n".encode() + b"name: \xff\n"},
            "a/compose.yaml:2:7: the byte 0xff is not UTF-8",
        ),
        (
            {"a/compose.yaml": 'services:\n  "we\x1bb": {image: web:1}\n'},
            "a/compose.yaml:2:6: the character U+001B is not allowed in YAML",
        ),
        (
            {"a/compose.yaml": f"{SERVICE}    env_file: s.env\n", "a/s.env": b"A=1\nB=caf\xe9\n"},
            "a/s.env:2:6: the byte 0xe9 is not UTF-8",
        ),
        (
            {"a/compose.yaml": SERVICE, "a/.env": b"\xe9=1\n"},
            "a/.env:1:1: the byte 0xe9 is not UTF-8",
        ),
        ({"hosts/h.yaml": b"kind: H\xf6st\n"}, "hosts/h.yaml:1:8: the byte 0xf6 is not UTF-8"),
        ({"gitops.yaml": b"kind: Fleet\x00\n"}, "gitops.yaml:1:12: the character U+0000 is not allowed"),
    ],
)
def test_what_is_no_text_is_an_error_at_its_place(files, error):
    found = errors(compiled(files))
    assert any(each.startswith(error) for each in found), found
