"""Downloads the Debian programs that tests use, before the tests need them.

python -m lab.prepare    needs only Python, so that it may run while the environment is created
"""

import sys

from lab.boot_image import boot_archive
from lab.commands import LabError
from lab.debian import compose_oracle, engine26_flavour


def main() -> None:
    """Download the programs in the order in which tests need them; exit code 1 if one is unavailable."""
    try:
        compose_oracle()
        engine26_flavour()
        boot_archive()
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
