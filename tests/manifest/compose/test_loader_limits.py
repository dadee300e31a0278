"""No input keeps a validation busy for longer than about three seconds, or makes it use more than 200 MB."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from manifest.hostile import HOSTILE
from manifest.hostile_apps import APPS

UNITS_MAX = 60.0  # of `machine_speed`: three seconds on an idle core
MEGABYTES_MAX = 200
TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [*HOSTILE, *APPS])
def test_a_hostile_file_costs_little(name):
    # A process of its own, because a peak of memory belongs to a process.
    answer = subprocess.run(
        [sys.executable, str(TESTS / "manifest" / "hostile_apps.py"), name],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    units, megabytes, _mistakes = answer.stdout.split()
    assert float(units) < UNITS_MAX
    assert int(megabytes) < MEGABYTES_MAX
