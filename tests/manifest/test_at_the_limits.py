"""Every limit on what an app may be: what just keeps to it is read, and one more is refused with the number."""

from collections.abc import Callable

import pytest
from manifest.compile_world import compiled, errors
from manifest.hostile import ONE, Files

from gitops_orch.manifest.app import mounted_files as files
from gitops_orch.manifest.compose import extends, include, loader, sources
from gitops_orch.manifest.problems import limits
from gitops_orch.manifest.syntax import dotenv, interpolate
from gitops_orch.manifest.yaml.yaml_document import DOCUMENTS_MAX, FILE_BYTES_MAX, parse_compose_yaml
from gitops_orch.manifest.yaml.yaml_nodes import DEPTH_MAX

SHARED = 100_000


def compose(text: str, **others: str) -> Files:
    return {"compose.yaml": text, **{name.replace("_", "."): content for name, content in others.items()}}


def repeated(count: int, line: str) -> str:
    return "".join(line.replace("{n}", str(n)) for n in range(count))


def values(count: int) -> Files:
    """Five are not of the environment: the file, its services, one of them, its image and its environment."""
    return compose(
        "services:\n  a:\n    image: i\n    environment:\n" + repeated(count - 5, "      V{n}: x\n")
    )


def characters(count: int) -> Files:
    """A text that is named again and again, and what is missing then."""
    labels = repeated(count // SHARED - 2, "l{n}: *a, ")
    text = f"x-a: &a {'y' * SHARED}\nservices: {{a: {{image: i, labels: {{{labels}}}}}}}\nx-b: "
    [document] = parse_compose_yaml("f.yaml", text.encode())
    return compose(text + "z" * (count - document.characters))


def levels(count: int) -> Files:
    lists = count - 2
    return compose(f"x-a: {'[' * lists}1{']' * lists}\n{ONE}")


def included(count: int) -> Files:
    named = {f"f{n}.yaml": f"services: {{s{n}: {{image: i}}}}\n" for n in range(count)}
    return {"compose.yaml": "include: [" + ", ".join(named) + "]\n" + ONE, **named}


def included_in_each_other(count: int) -> Files:
    chain = {f"f{n}.yaml": f"include: [f{n + 1}.yaml]\n" for n in range(1, count)}
    return {"compose.yaml": "include: [f1.yaml]\n" + ONE, **chain, f"f{count}.yaml": ONE}


def extending(count: int) -> Files:
    chain = "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(count))
    return compose(f"services:\n{chain}  s{count}: {{image: i}}\n")


def ports(count: int) -> Files:
    tcp, udp = "'1-60000:1-60000'", f"'1-{count - 60_000}:1-{count - 60_000}/udp'"
    return compose(f"services: {{a: {{image: i, ports: [{tcp}]}}, b: {{image: i, ports: [{udp}]}}}}\n")


def defaults(count: int) -> Files:
    return compose(f"x-a: '{'${A:-' * count}x{'}' * count}'\n{ONE}")


def grown(count: int) -> Files:
    times, rest = divmod(count, 300_000)
    text = f"services: {{a: {{image: i, labels: {{l: '{'$B' * times}$R'}}}}}}\n"
    return compose(text, _env=f"B={'x' * 300_000}\nR={'x' * rest}\n")


def variables(count: int) -> Files:
    return compose("services: {a: {image: i, env_file: e.env}}\n", e_env=repeated(count, "V{n}=\n"))


def bytes_of_variables(count: int) -> Files:
    whole, rest = divmod(count, FILE_BYTES_MAX)
    files = {f"e{n}.env": "#" * (FILE_BYTES_MAX - 1) + "\n" for n in range(whole)}
    files |= {"rest.env": "#" * (rest - 1) + "\n"} if rest else {}
    return {"compose.yaml": f"services: {{a: {{image: i, env_file: [{', '.join(files)}]}}}}\n", **files}


def read(count: int) -> Files:
    files = {f"e{n}.env": "A=1\n" for n in range(count - 1)}
    return {"compose.yaml": f"services: {{a: {{image: i, env_file: [{', '.join(files)}]}}}}\n", **files}


def bytes_of_files(count: int) -> Files:
    named = {f"f{n}.yaml": "#" * (900_000 - len(ONE) - 1) + "\n" + ONE for n in range(count // 900_000)}
    main = f"include: [{', '.join(named)}]\nservices: {{a: {{image: i}}}}\n#"
    return {"compose.yaml": main + "#" * (count - 900_000 * len(named) - len(main)), **named}


def mounted(count: int) -> Files:
    volume = "services: {a: {image: i, volumes: ['./d:/x:ro', './d:/y:ro']}}\n"
    return {"compose.yaml": volume, **{f"d/{n}": "x" for n in range(count)}}


def mounted_bytes(count: int) -> Files:
    text = "services: {a: {image: i, volumes: ['./d:/x:ro'], secrets: [s]}}\nsecrets: {s: {file: ./f}}\n"
    return {"compose.yaml": text, "d/f": b"x" * 1_000, "f": b"y" * (count - 1_000)}


LIMITS: dict[str, tuple[Callable[[int], Files], int, str]] = {
    "values": (values, limits.VALUES_MAX, "larger than 20000 values with"),
    "characters": (characters, limits.TEXT_MAX, "values with 4000000 characters"),
    "levels": (levels, DEPTH_MAX, "nested deeper than 100 levels"),
    "bytes of a file": (
        lambda count: compose("#" * (count - len(ONE) - 1) + "\n" + ONE),
        FILE_BYTES_MAX,
        "at most 1000000 are read",
    ),
    "documents of a file": (
        lambda count: compose(repeated(count - 1, "---\nx-a: 1\n") + "---\n" + ONE),
        DOCUMENTS_MAX,
        "more than 1000 documents in a file",
    ),
    "includes": (included, include.INCLUDES_MAX, "includes more than 200 files"),
    "includes in includes": (included_in_each_other, include.DEPTH_MAX, "deeper than 20 levels"),
    "services that extend each other": (extending, extends.DEPTH_MAX, "extends more than 50 services"),
    "ports": (ports, limits.PORTS_MAX, "become more than 70000 ports"),
    "defaults in defaults": (defaults, interpolate.NESTING_MAX, "nested deeper than 10 levels"),
    "characters that stand for variables": (
        grown,
        limits.GROWN_MAX,
        "expand to more than 4000000 characters",
    ),
    "variables of a file": (variables, dotenv.VARIABLES_MAX, "more than 10000 variables in a file"),
    "bytes of variables": (
        bytes_of_variables,
        sources.VARIABLE_BYTES_MAX,
        "more than 4000000 bytes of variables",
    ),
    "bytes of all files": (bytes_of_files, sources.BYTES_MAX, "reads more than 10000000 bytes"),
    "files": (read, sources.FILES_MAX, "reads more than 500 files"),
    "files that are mounted": (mounted, files.MOUNT_FILES_MAX, "an app mounts at most 10,000 files"),
    "bytes that are mounted": (mounted_bytes, files.MOUNT_BYTES_MAX, "at most 67,108,864 bytes"),
    "characters of a project's name": (
        lambda count: compose(f"name: {'a' * count}\n{ONE}"),
        loader.NAME_LENGTH_MAX,
        "name has 251 characters, at most 250 are read",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_keeps_to_a_limit_is_read_and_one_more_is_refused(name):
    make, most, sentence = LIMITS[name]
    assert errors(compiled(make(most))) == []
    assert any(sentence in each for each in errors(compiled(make(most + 1))))
