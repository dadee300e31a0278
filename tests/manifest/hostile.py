"""Inputs that are made to crash a loader, to keep it busy, or to fill its memory."""

from collections.abc import Callable

Files = dict[str, str | bytes]
MB = 1_000_000
ONE = "services: {a: {image: i}}\n"


def compose(text: str) -> Files:
    return {"compose.yaml": text}


def bomb(levels: int, width: int) -> str:
    lines = ["x-0: &l0 [" + ", ".join(["x"] * width) + "]"]
    lines += [f"x-{n}: &l{n} [" + ", ".join([f"*l{n - 1}"] * width) + "]" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + ONE


def merge_bomb(levels: int) -> str:
    lines = ["x-0: &m0 {a: 1, b: 2}"]
    lines += [f"x-{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n" + ONE


def services(count: int, body: str) -> str:
    return "services:\n" + "".join(f"  s{n}: {{{body.format(n=n, next=n + 1)}}}\n" for n in range(count))


def variables(count: int, size: int) -> Files:
    uses = "".join(f"      - A{n}=${{BIG}}\n" for n in range(count))
    return {
        "compose.yaml": f"services:\n  a:\n    image: i\n    environment:\n{uses}",
        ".env": "BIG=" + "x" * size,
    }


def extended(image: str, variables: int) -> Files:
    """150 included files extend one of 15,000 values; with `variables`, each sets another value for it."""
    names = [f"d{n}/c.yaml" for n in range(150)]
    files: Files = {"compose.yaml": f"include: [{', '.join(names)}]\n", "big.yaml": large(image)}
    for n, name in enumerate(names):
        files[name] = f"services: {{x{n}: {{extends: {{file: ../big.yaml, service: base}}}}}}\n"
        files |= {f"d{n}/.env": f"V={n}\n"} if variables else {}
    return files


def large_files(count: int) -> Files:
    """A file with services that each extend a large file of their own."""
    own = "".join(f"  a{n}: {{extends: {{file: big{n}.yaml, service: base}}}}\n" for n in range(count))
    return {"compose.yaml": f"services:\n{own}"} | {f"big{n}.yaml": large("") for n in range(count)}


def large(image: str) -> str:
    body = f"{{image: i{image}, environment: [A=1, B=2], volumes: ['/a:/b'], ports: ['80:80']}}"
    return "services:\n  base: {image: i}\n" + "".join(f"  s{n}: {body}\n" for n in range(1_700))


HOSTILE: dict[str, Callable[[], Files]] = {
    "aliases that expand to ten billion values": lambda: compose(bomb(10, 10)),
    "merge keys that expand without end": lambda: compose(merge_bomb(8)),
    "lists in lists": lambda: compose("x-a: " + "[" * 400_000 + "\n"),
    "mappings in mappings": lambda: compose("".join(" " * n + "a:\n" for n in range(1_000))),
    "a file of ten megabytes": lambda: compose("x-a: " + "x" * 10 * MB),
    "a line of a megabyte": lambda: compose("x-a: " + "x" * 990_000 + "\n" + ONE),
    "a number of a megabyte": lambda: compose("x-a: " + "1" * 990_000 + "\n" + ONE),
    "half a million values": lambda: compose("x-a: [" + "1," * 490_000 + "]\n"),
    "fifty thousand documents": lambda: compose("---\na: 1\n" * 50_000),
    "a megabyte of opening braces in a variable": lambda: compose(
        "x-a: '${A:-" + "{" * 990_000 + "}'\n" + ONE
    ),
    "defaults in defaults": lambda: compose("x-a: '" + "${A:-" * 150_000 + "'\n" + ONE),
    "a megabyte of defaults on a line": lambda: compose("x-a: '" + "${A:-}" * 160_000 + "'\n" + ONE),
    "a megabyte of defaults without an end": lambda: compose("x-a: '" + "${A:-x" * 160_000 + "'\n" + ONE),
    "forty thousand unset variables": lambda: compose(
        "x-a:\n" + "".join(f"  k{n}: $V{n}\n" for n in range(20_000)) + ONE
    ),
    "twenty thousand mistakes": lambda: compose("".join(f"k{n}: $$1\n" for n in range(20_000)) + ONE),
    "twenty thousand mistakes in variables": lambda: compose(
        "x-a:\n" + "".join(f"  k{n}: '${{'\n" for n in range(20_000)) + ONE
    ),
    "a large variable used often": lambda: variables(5_000, 900_000),
    "services that depend on each other in a long chain": lambda: compose(
        services(6_000, "image: i, depends_on: [s{next}]")
    ),
    "services that depend on none that is there": lambda: compose(
        services(6_000, "image: i, depends_on: [t{n}]")
    ),
    "services that extend each other in a long chain": lambda: compose(services(6_000, "extends: s{next}")),
    "services that extend none that is there": lambda: compose(services(6_000, "extends: t{n}")),
    "one large file that many included ones extend": lambda: extended("", 0),
    "one large file that many extend with other variables": lambda: extended("$V", 1),
    "many large files that are extended": lambda: large_files(40),
    "every port of a host, again and again": lambda: compose(
        services(1_000, "image: i, ports: ['1-65535:1-65535']")
    ),
    "three thousand mounts": lambda: compose(
        "services:\n  a:\n    image: i\n    volumes:\n"
        + "".join(f"      - {{type: bind, source: /a{n}, target: /b{n}}}\n" for n in range(3_000))
    ),
    "ten thousand options that must differ": lambda: compose(
        "services:\n  a:\n    image: i\n    security_opt:\n"
        + "".join(f"      - o{n}\n" for n in range(20_000))
    ),
    "a file that includes another ten thousand times": lambda: {
        "compose.yaml": "include:\n" + "  - b.yaml\n" * 10_000,
        "b.yaml": ONE,
    },
    "includes that double at every step": lambda: {
        "compose.yaml": "include: [f0.yaml]\n" + ONE,
        **{f"f{n}.yaml": f"include: [f{n + 1}.yaml, ./f{n + 1}.yaml]\n" for n in range(30)},
        "f30.yaml": "services: {z: {image: i}}\n",
    },
    "a large service that thousands extend": lambda: compose(
        "services:\n  base:\n    image: i\n    environment:\n"
        + "".join(f"      V{n}: x\n" for n in range(3_000))
        + "".join(f"  s{n}: {{extends: base}}\n" for n in range(3_000))
    ),
    "small services that thousands extend from another file": lambda: {
        "compose.yaml": "services:\n"
        + "".join(f"  s{n}: {{extends: {{file: b.yaml, service: a}}}}\n" for n in range(4_000)),
        "b.yaml": ONE,
    },
    "sixty large files that one includes": lambda: {
        "compose.yaml": "include: [" + ", ".join(f"f{n}.yaml" for n in range(60)) + "]\n" + ONE,
        **{
            f"f{n}.yaml": "services:\n" + "".join(f"  s{n}x{k}: {{image: i}}\n" for k in range(3_000))
            for n in range(60)
        },
    },
    "all ports, of both protocols": lambda: compose(
        "services: {a: {image: i, ports: ['1-65535:1-65535', '1-65535:1-65535/udp']}}\n"
    ),
    "a megabyte of variables for a thousand services": lambda: {
        "compose.yaml": services(1_000, "image: i, env_file: e.env"),
        "e.env": "".join(f"V{n}=some text for it\n" for n in range(9_000)),
    },
    "a megabyte of quotes in variables": lambda: {"compose.yaml": ONE, ".env": "A='" + "\\'" * 490_000},
    "a megabyte of blank lines in variables": lambda: {"compose.yaml": ONE, ".env": "\n #\n" * 240_000},
    "a size of a megabyte": lambda: compose(
        "services: {a: {image: i, mem_limit: '" + "1." * 400_000 + "'}}\n"
    ),
    "a duration of a megabyte": lambda: compose(
        "services: {a: {image: i, stop_grace_period: '" + "1s" * 400_000 + "'}}\n"
    ),
    "a command of a megabyte": lambda: compose(
        'services: {a: {image: i, command: "' + "a b " * 240_000 + '"}}\n'
    ),
    "a key of a megabyte": lambda: compose("x" * 500_000 + ": 1\n" + ONE),
    "anchors that take over a name": lambda: compose(
        "".join(f"x-{n}: &a [1]\n" for n in range(9_000)) + "x-last: *a\n" + ONE
    ),
}
