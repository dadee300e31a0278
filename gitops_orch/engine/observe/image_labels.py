"""Finds the labels of each container's image: a label that an image brings does not prove that a container is ours."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.observe.container_identity import carries_ours
from gitops_orch.errors import NotFound

_NONE: Mapping[str, str] = {}


class ImageLabels:
    """The labels of one host's images, by image id. An image never changes, so each one is inspected only once.

    Safe to use from many threads, because all threads write equal values.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._known: dict[str, Mapping[str, str]] = {}

    def labels(
        self, containers: Iterable[Mapping[str, Any]], images: Iterable[Mapping[str, Any]], ends_at: float
    ) -> Mapping[str, Mapping[str, str]]:
        """Return the labels by image id, from the listings of containers and images; an unknown id has no labels.

        The listing omits intermediate images. Such an image is inspected if a container of it has our labels.
        """
        found: dict[str, Mapping[str, str]] = defaultdict(dict)
        listed = {str(row["Id"]): row.get("Labels") or {} for row in images}
        self._known = {**self._known, **{image: _ours(some) for image, some in listed.items()}}
        for row in containers:
            image = str(row.get("ImageID") or "")
            if image in listed:
                found[image] = listed[image]
            elif carries_ours(row.get("Labels") or {}):
                found[image] = self._inspected(image, ends_at)
        return found

    def labels_of(self, image: str, container: Mapping[str, str] | None) -> Mapping[str, str]:
        """Return the labels of an image; inspect it only if the container has our labels, else return no labels."""
        return self._inspected(image, None) if carries_ours(container or {}) else _NONE

    def _inspected(self, image: str, ends_at: float | None) -> Mapping[str, str]:
        """Return the labels of an image; none if it was removed while a stopped container still used it."""
        if image and image not in self._known:
            try:
                row = self._wire.read(
                    f"inspect of image {image}",
                    lambda client: client.inspect_image(image),
                    ends_at=ends_at or time.monotonic() + self._wire.deadline_s,
                )
            except NotFound:
                return _NONE
            self._known[image] = _ours((row.get("Config") or {}).get("Labels") or {})
        return self._known.get(image, _NONE)


def _ours(some: Mapping[str, str]) -> Mapping[str, str]:
    return dict(some) if carries_ours(some) else _NONE
