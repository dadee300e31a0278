import pytest

from gitops_orch.manifest.syntax.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("1h0m0.5s", 3600.5),
        ("1500ms", 1.5),
        ("2us", 2e-6),
        (".5s", 0.5),
        ("1d", 86_400),
        ("1d12h", 129_600),
    ],
)
def test_durations_are_read_as_compose_and_our_settings_write_them(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "1 m", "-1s", "1w", "1m30", "1s\n"])
def test_anything_else_is_no_duration(text):
    assert parse_duration(text) is None
