"""systemd's own judgement of the unit."""

import subprocess
from pathlib import Path

import pytest
from lab.provided import need_program, provided

from gitops_orch.daemon.service import STOP_WAIT_MAX_S
from gitops_orch.engine.settings import EngineSettings

UNIT = Path(__file__).parents[2] / "systemd/gitops-orch.service"
EXPOSURE_MAX = 30  # in tenths


@pytest.fixture(autouse=True)
def _judge() -> None:
    with provided():
        need_program("systemd-analyze")


def analyze(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *argv], capture_output=True, text=True, check=False)


def installed(unit: str, directory: Path) -> Path:
    """Write the unit with a program that is there: systemd-analyze asks whether the one in ExecStart= is."""
    path = directory / "gitops-orch.service"
    path.write_text(unit.replace("ExecStart=/usr/local/bin/gitops-orch ", "ExecStart=/bin/true "))
    return path


def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    judged = analyze("verify", installed(UNIT.read_text(), tmp_path))
    assert (judged.returncode, judged.stderr) == (0, "")


def test_systemd_complains_about_a_misspelt_setting(tmp_path: Path) -> None:
    judged = analyze("verify", installed(UNIT.read_text().replace("WatchdogSec", "WatchdogSecs"), tmp_path))
    assert "WatchdogSecs" in judged.stderr


def test_the_service_is_exposed_as_little_as_promised() -> None:
    judged = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT)
    assert judged.returncode == 0, judged.stdout


def test_systemd_waits_longer_for_the_service_than_the_service_for_what_is_under_way() -> None:
    (line,) = [line for line in UNIT.read_text().splitlines() if line.startswith("TimeoutStopSec=")]
    assert float(line.partition("=")[2].removesuffix("s")) > STOP_WAIT_MAX_S + EngineSettings().deadline_s
