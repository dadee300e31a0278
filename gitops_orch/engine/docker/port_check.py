"""Checks whether ports of a host can be bound, also when a process outside of Docker uses one of them.

An Engine knows only the ports of its containers, so the check tries to bind the port: it starts a carrier that
publishes the port and whose command does not exist. An Engine binds ports before it looks for the command. If its error
is about the command, the port is free. Nothing of the image is ever run.
"""

from collections.abc import Sequence

from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.files.carriers import Carriers
from gitops_orch.errors import EngineError, HostUnreachable
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import HeldPort
from gitops_orch.model.rules.ports import port_text

_TAKEN_WORDS = ("address already in use", "port is already allocated", "ports are not available")
_NO_ADDRESS_WORDS = ("cannot assign requested address",)


def check_ports(wire: Wire, carriers: Carriers, app: AppKey, image: str, ports: Sequence[HeldPort]) -> None:
    """Raise EngineError, which names the port, unless a container could bind all these ports on the host."""
    for port in ports:
        error = _try(wire, carriers, app, image, port)
        if any(word in error for word in _TAKEN_WORDS):
            raise EngineError(
                f"{wire.host}: host port {port_text(port)} is taken on {wire.host} by a process that is no container",
                hint="stop that process, or publish another port",
            )
        if any(word in error for word in _NO_ADDRESS_WORDS):
            raise EngineError(
                f"{wire.host}: {port[0]} is no address of {wire.host}, and port {port[1]} is to be published on it",
                hint="publish it on an address that the host has",
            )


def _try(wire: Wire, carriers: Carriers, app: AppKey, image: str, port: HeldPort) -> str:
    """Return the Engine's error text, in lower case, of a start that cannot succeed."""
    address, number, protocol = port
    binding = {"HostIp": address, "HostPort": str(number)}
    published: dict[str, object] = {
        "NetworkMode": "bridge",
        "PortBindings": {f"{number}/{protocol}": [binding]},
    }
    name = f"{app.project}_port_{number}_{protocol}"
    with carriers.carrier(app, name, published, image) as carrier:
        try:
            wire.call(f"start of {name}", lambda client: client.start(carrier))
        except HostUnreachable:
            raise
        except EngineError as error:
            return str(error).lower()
    return ""
