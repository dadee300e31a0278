"""Decides whether the platform of an image on a host is the one that a service requests."""

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
}
_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd"})
_SAME = {("arm64", "v8"): "", ("amd64", "v1"): "", ("arm", ""): "v7"}  # a variant that is the default


def suits(wanted: str, system: str, architecture: str, variant: str = "") -> bool:
    """Return whether an image of a system and an architecture fits `wanted` (`linux/arm/v7`, `arm64`, `linux`).

    Any value fits a part that `wanted` leaves out; a missing variant means the default variant.
    """
    parts = [part for part in wanted.lower().split("/") if part]
    if parts and parts[0] in _SYSTEMS and parts.pop(0) != system.lower():
        return False
    if not parts:
        return True
    asked = _normal(parts[0], parts[1] if len(parts) > 1 else "")
    return asked == _normal(architecture.lower(), variant.lower())


def _normal(architecture: str, variant: str) -> tuple[str, str]:
    name = _ARCHITECTURES.get(architecture, architecture)
    return name, _SAME.get((name, variant), variant)
