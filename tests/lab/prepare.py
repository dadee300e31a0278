"""Fetches what tests take from Debian, so that it is there once they ask for it.

python -m lab.prepare    needs nothing but Python, so that it may run while the environment is made
"""

import sys

from lab.boot_image import boot_archive
from lab.commands import LabError
from lab.debian import compose_oracle, engine26_flavour


def main() -> None:
    """Fetch it, first what is wanted first; exit code 1 where it cannot be had."""
    try:
        compose_oracle()
        engine26_flavour()
        boot_archive()
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
