"""How a slot's container is replaced: which goes first, and how many at once.  Pure functions of a few facts."""

from collections.abc import Iterable, Sequence
from itertools import islice

from gitops_orch.model.app import Order, Service
from gitops_orch.planner.index import Located
from gitops_orch.planner.slots import Slot


def choose_order(slot: Slot) -> tuple[Order, str]:
    """Return which goes first, and why.

    Start-first wherever two of them can stand side by side on the host; what the file says wins where it is possible.
    """
    here = [old for old in slot.olds if old.host == slot.host]
    service = slot.service
    if not here:
        return Order.START_FIRST, "nothing on this host is in its way"
    obstacle = _collision(service)
    if obstacle:
        return Order.STOP_FIRST, f"{obstacle} cannot be shared with the old one"
    if service.update.order is not None:
        return service.update.order, "the file says so"
    if service.writable or _anonymous_volumes(slot, here):
        return Order.STOP_FIRST, "two at once could damage the data that it writes"
    return Order.START_FIRST, "nothing that it uses is exclusive"


def _collision(service: Service) -> str:
    if service.container_name:
        return f"container_name {service.container_name}"
    for port in service.ports:
        if port.published is not None:
            return f"port {port.published}/{port.protocol}"
    if service.compose.get("network_mode") == "host":
        return "the host's network"
    return "its fixed address" if _fixed_address(service) else ""


def _fixed_address(service: Service) -> bool:
    networks = service.compose.get("networks")
    if not isinstance(networks, dict):
        return False
    keys = ("ipv4_address", "ipv6_address", "mac_address")
    return any(isinstance(each, dict) and any(each.get(key) for key in keys) for each in networks.values())


def _anonymous_volumes(slot: Slot, olds: Iterable[Located]) -> bool:
    """An anonymous volume's name is 64 hex digits; a recreated container inherits it, as in Compose."""
    return any(is_anonymous(name) for old in olds for name in old.container.volumes) and not slot.service.job


def is_anonymous(volume: str) -> bool:
    """Tell whether an Engine made up this volume's name."""
    return len(volume) == 64 and all(digit in "0123456789abcdef" for digit in volume)  # noqa: PLR2004 - a SHA-256


def batches(slots: Sequence[Slot], parallelism: int) -> Iterable[tuple[Slot, ...]]:
    """Yield the slots that are replaced together, in the order of their numbers; 0 means all at once."""
    size = parallelism or max(1, len(slots))
    remaining = iter(slots)
    while batch := tuple(islice(remaining, size)):
        yield batch
