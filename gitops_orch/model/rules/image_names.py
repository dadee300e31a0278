"""Decides when two image references mean the same image."""

from functools import lru_cache

from gitops_orch.model.rules.image_reference import split_reference


@lru_cache(maxsize=65536)
def normalise(reference: str) -> str:
    """Return the familiar form that Engines list: no default registry, `:latest` where no tag or digest is given.

    A reference with a tag and a digest is reduced to its digest, as the Engine does.
    """
    if reference.startswith("sha256:"):
        return reference
    parts = split_reference(reference)
    if parts.digest:
        return f"{parts.familiar_name}@{parts.digest}"
    return f"{parts.familiar_name}:{parts.tag or 'latest'}"


@lru_cache(maxsize=65536)
def repository_of(reference: str) -> str:
    """Return a reference without its tag and digest; "" for an image id, which has no repository."""
    return "" if reference.startswith("sha256:") else split_reference(reference).familiar_name
