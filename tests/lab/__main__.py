"""What the lab does for people and for scripts.

python -m lab clear             remove what killed test runs left behind
python -m lab open [COUNT]      lend real Docker hosts to try things on, until Enter is pressed
python -m lab archive TAG...    write web server images of these tags, for `docker load`
"""

import sys
from dataclasses import replace

from lab.commands import LabError
from lab.flavour import system_flavour
from lab.fleet import open_lab
from lab.slot import clear_abandoned
from lab.stub import IMAGES, StubImage, image_archive


def main(argv: list[str]) -> int:
    """Carry out one of the above; 2 where the command line is none of them."""
    match argv:
        case ["clear"]:
            print(f"cleared {clear_abandoned()} slots")
        case ["open", *count]:
            _show(int(count[0]) if count else 1)
        case ["archive", *tags] if tags:
            sys.stdout.buffer.write(image_archive(tuple(map(_image, tags))))
        case _:
            print(__doc__)
            return 2
    return 0


def _image(word: str) -> StubImage:
    tag, _, kind = word.partition("=")
    wanted = f"stub:{kind or 1}"
    found = [image for image in IMAGES if image.tag == wanted]
    if not found:
        raise LabError(f"there is no {wanted}; the kinds are {', '.join(image.tag for image in IMAGES)}")
    return replace(found[0], tag=tag)


def _show(count: int) -> None:
    flavour = system_flavour()
    if flavour is None:
        raise LabError("no Docker Engine is installed; run scripts/test once, it installs all")
    with open_lab([flavour] * count) as lab:
        for host in lab.hosts:
            print(host.name, host.unix, host.tcp)
        input("Enter ends the lab")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
