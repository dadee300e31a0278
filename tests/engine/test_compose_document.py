"""The documentation's table of containers that differ from Compose's, held to the cases that are judged."""

import re
from pathlib import Path

from engine.payload_cases import DELIBERATE, DELIBERATE_ON_26

DOCUMENT = Path(__file__).parents[2] / "docs" / "COMPOSE.md"


def test_every_deliberate_difference_of_a_container_is_in_the_documentation() -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("| Case |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\S+)` \|", table, re.MULTILINE)) == set(DELIBERATE) | set(DELIBERATE_ON_26)
