"""Describes the host that a payload is built for, and which features need which API version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.errors import Unsupported

# The first Engine of each API version, for messages.
_ENGINES = {
    (1, 43): "24",
    (1, 44): "25",
    (1, 45): "26",
    (1, 47): "27.3",
    (1, 48): "28",
    (1, 49): "28.1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InheritedVolume:
    """An anonymous volume of a replaced container that its successor continues to use."""

    name: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadTarget:
    """The host, its Engine, and the containers and volumes there that the new container uses."""

    host: str
    api_version: str  # "1.41"
    root_dir: str = "/var/lib/docker"
    data_root: str = "/srv/gitops-orch"
    peers: Mapping[str, str] = field(default_factory=dict)  # service -> its container, by id or name
    inherited: tuple[InheritedVolume, ...] = ()

    def speaks(self, major: int, minor: int) -> bool:
        """Return whether the Engine's API is at least that version."""
        own = self.api_version.split(".")
        return (int(own[0]), int(own[1])) >= (major, minor)

    def need(self, minor: int, feature: str) -> None:
        """Refuse a feature that this Engine would silently ignore; Unsupported names both versions."""
        if self.speaks(1, minor):
            return
        engine = _ENGINES.get((1, minor), "")
        raise Unsupported(
            f"{self.host}: {feature} needs Engine API 1.{minor}, this Engine speaks {self.api_version}",
            hint=f"upgrade the host to Docker Engine {engine} or newer, or remove the key".replace("  ", " "),
        )
