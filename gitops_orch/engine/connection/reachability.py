"""Returns a hint for an Engine that cannot be reached, from the operating system's error."""

import os
import socket
import ssl

from gitops_orch.private_files import user_name

PODMAN_SOCKET = "unix:///run/podman/podman.sock"
_GENERAL = "check that the Engine runs and can be reached from here"


def reach_hint(error: BaseException, url: str) -> str:
    """Return what a person can do after this error of a connection to the Engine at `url`."""
    is_socket = url.startswith("unix://")
    if isinstance(error, PermissionError) and is_socket:
        return (
            f"this user may not use the socket: run `sudo usermod -aG docker {user_name(os.geteuid())}`, then log in again "
            "(or restart the service)"
        )
    if isinstance(error, FileNotFoundError) and is_socket:
        return (
            "no Engine listens there: start it with `systemctl start docker`, or name another socket in DOCKER_HOST or "
            f"the url of the Host document; Podman's is {PODMAN_SOCKET} after `systemctl enable --now podman.socket`"
        )
    if isinstance(error, ConnectionRefusedError):
        if is_socket:
            return (
                "the socket is there and no Engine listens on it: restart it with `systemctl restart docker`"
            )
        return "nothing listens there: check the port, and that dockerd is started with `--host tcp://...`"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "name the authority that signed the Engine's certificate in spec.tls.ca of the Host document"
    if isinstance(error, ssl.SSLError):
        return (
            "check spec.tls of the Host document: the Engine may want a client's certificate, or speak no TLS"
        )
    if isinstance(error, socket.gaierror):
        return "the name is not known here: check the url of the Host document, and DNS"
    return _GENERAL
