"""What is reported of a container that an Engine does not start: the cause, and what to do."""

import pytest

from gitops_orch.model.rules.start_errors import cause_of, host_hint, release_hint

EXEC = 'exec: "nosuchprogram": executable file not found in $PATH'
MOUNT = 'rootfs_linux.go:75: mounting "/srv/a" to rootfs at "/etc/a" caused: mount through procfd: not a directory'


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
                f"{EXEC}: unknown"
            ),
            EXEC,
        ),
        (
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: "
                f"{EXEC}: unknown"
            ),
            EXEC,
        ),
        (
            (
                "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
                f"unable to start container process: error during container init: {EXEC}: unknown"
            ),
            EXEC,
        ),
        (f"OCI runtime exec failed: exec failed: {EXEC}: unknown", EXEC),
        (
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: process_linux.go:545: "
                f"container init caused: {MOUNT}: unknown: Are you trying to mount a directory onto a file?"
            ),
            f"{MOUNT.partition(': ')[2]}: Are you trying to mount a directory onto a file?",
        ),
    ],
)
def test_a_refusal_is_cut_to_its_cause(said, cause):
    assert cause_of(said) == cause


@pytest.mark.parametrize(
    "said",
    [
        'error gathering device information while adding custom device "/dev/zig": no such file or directory',
        "driver failed programming external connectivity on endpoint a: Bind for 0.0.0.0:80 failed: port is already allocated",
        "user: unknown",
        "main.go:12: cannot connect",
        "exec failed: my own words",
        "",
    ],
)
def test_words_without_a_chain_stay_as_they_are(said):
    assert cause_of(said) == said


def test_the_advice_for_a_command_is_about_the_file_and_for_a_device_about_the_host():
    assert "`command`" in release_hint(EXEC)
    assert "`user`" in release_hint("unable to find user nosuch: no matching entries in passwd file")
    assert release_hint("error gathering device information") == ""
    assert "attach the device" in host_hint("error gathering device information")
