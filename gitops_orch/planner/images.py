"""Image references: when two of them mean the same."""

from functools import lru_cache


@lru_cache(maxsize=65536)
def normalise(reference: str) -> str:
    """Return the familiar form that Engines list: no default registry, `:latest` where no tag or digest is given.

    A reference with a tag and a digest is known by its digest, as the Engine does (distribution/reference).
    """
    if reference.startswith("sha256:"):
        return reference
    name, at, digest = reference.partition("@")
    for prefix in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(prefix)
    name = name.removeprefix("library/")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    if at:
        return f"{repository}@{digest}"
    return f"{repository}:{tag or 'latest'}"
