"""Why an Engine would not start or make a container: is it the host's trouble, or can the release never run?

The words are the Engine's own, seen on Engines 20.10 and 26.1 (moby: daemon/start.go, daemon/create.go, libnetwork;
runc: libcontainer).  Exit codes do not tell: runc's 127 also stands for a path on the host that is a file where the image
has a directory, and for a sysctl that the host's kernel does not have.
"""

import re

# What an Engine puts in front of the cause: the parts of itself that the failure passed through, and that they failed.
_PASSED_THROUGH = re.compile(
    r"(?:(?:failed to create (?:shim )?task(?: for container)?|OCI runtime (?:create|exec|start) failed"
    r"|(?:(?:runc|crun|runsc) )?(?:create|start|exec|run) failed|[a-z_]+\.go:\d+"
    r"|unable to start container process|error during container init"
    r"|(?:starting container process|container init|process_linux) caused): )"
)
_CHAIN = re.compile(r"failed to create (?:shim )?task|OCI runtime \w+ failed")
_NO_CODE = re.compile(r": unknown(?=: |\.?$)")  # the code of an error without a code

# The image has no such command, may not run it, or does not know the user: no host can start it.
_RELEASE_WORDS = ('exec: "', "unable to find user", "unable to find group")

# What a host refuses, with what to do about it; first match wins.
_HOST_WORDS = (
    (
        "port is already allocated",
        "find what holds the port on that host (`ss -ltnp`), or publish another one",
    ),
    (
        "address already in use",
        "find what holds the address or port on that host (`ss -ltnp`), or choose another one",
    ),
    ("cannot assign requested address", "that host has no such address; publish on one that it has"),
    ("does not belong to any of this network's subnets", "choose an address in the network's subnet"),
    ("gathering device information", "attach the device to that host, or place the app where it is"),
    ("could not select device driver", "install the driver of that device on that host"),
    ("bind source path does not exist", "make that path on that host"),
    ("creating mount source path", "make that path on that host"),
    ("are you trying to mount a directory onto a file", "one of the two is a file, the other a directory"),
    ("mounting volume", "look at what the volume is mounted from"),
    ("range of cpus is from", "that host has fewer processors; lower `cpus`, or place the app elsewhere"),
    ("open /proc/sys/", "the kernel of that host does not have this sysctl"),
    ("unknown runtime specified", "install that runtime on that host"),
    ("no space left on device", "make room on that host's disk"),
)


def is_release_fault(reason: str) -> bool:
    """Tell whether an Engine's words say that no host could start this container."""
    return any(words in reason for words in _RELEASE_WORDS)


def cause_of(reason: str) -> str:
    """Return an Engine's refusal from its cause on; the path, the program and the system's error are always kept.

    "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: ..." is cut to "exec: ...".
    Words that do not begin as such a chain does are kept: they may be a program's own.
    """
    cause, start = reason.strip(), 0
    if _CHAIN.match(cause) is None:
        return cause
    while (passed := _PASSED_THROUGH.match(cause, start)) is not None:
        start = passed.end()
    return _NO_CODE.sub("", cause[start:])


def release_hint(reason: str) -> str:
    """Return what to do about a start that no host could do; "" where the words name nothing of the release."""
    if not is_release_fault(reason):
        return ""
    if 'exec: "' in reason:
        return "correct `command` or `entrypoint`, or use an image that has this program"
    return "correct `user`, or use an image that has this user"


def host_hint(reason: str) -> str:
    """Return what to do about what a host refuses; "" where the words name nothing of the host."""
    text = reason.casefold()
    return next((hint for words, hint in _HOST_WORDS if words in text), "")
