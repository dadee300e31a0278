"""Decides whether a failed start is the host's trouble, or a release that can never run; and gives hints.

The patterns are texts of Engines 20.10 and 26.1 (moby: daemon/start.go, daemon/create.go, libnetwork; runc:
libcontainer). Exit codes do not decide it: runc's 127 also means a path on the host that is a file where the image has
a directory, or a sysctl that the host's kernel does not have.
"""

import re

# The text that an Engine puts before the cause: each of its parts that the failure passed through.
_PASSED_THROUGH = re.compile(
    r"(?:(?:failed to create (?:shim )?task(?: for container)?|OCI runtime (?:create|exec|start) failed"
    r"|(?:(?:runc|crun|runsc) )?(?:create|start|exec|run) failed|[a-z_]+\.go:\d+"
    r"|unable to start container process|error during container init"
    r"|(?:starting container process|container init|process_linux) caused): )"
)
_CHAIN = re.compile(r"failed to create (?:shim )?task|OCI runtime \w+ failed")
_NO_CODE = re.compile(r": unknown(?=: |\.?$)")  # the code that means "no code"

# The image does not have the command, may not run it, or does not know the user: no host can start it.
_RELEASE_WORDS = ('exec: "', "unable to find user", "unable to find group")

# Errors of a host, each with the action to take; the first match counts.
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
    """Return whether an Engine's error means that no host can start this container."""
    return any(words in reason for words in _RELEASE_WORDS)


def cause_of(reason: str) -> str:
    """Return an Engine's error from its cause on; the path, the program and the system's error always stay.

    "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: ..." is cut to "exec:
    ...". A text that does not begin like such a chain is unchanged: it may be a program's own.
    """
    cause, start = reason.strip(), 0
    if _CHAIN.match(cause) is None:
        return cause
    while (passed := _PASSED_THROUGH.match(cause, start)) is not None:
        start = passed.end()
    return _NO_CODE.sub("", cause[start:])


def release_hint(reason: str) -> str:
    """Return the action to take for a start that no host can do; "" where the text is not about the release."""
    if not is_release_fault(reason):
        return ""
    if 'exec: "' in reason:
        return "correct `command` or `entrypoint`, or use an image that has this program"
    return "correct `user`, or use an image that has this user"


def host_hint(reason: str) -> str:
    """Return the action to take for an error of the host; "" where the text is not about the host."""
    text = reason.casefold()
    return next((hint for words, hint in _HOST_WORDS if words in text), "")
