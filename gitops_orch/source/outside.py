"""Finds Host documents outside of the managed path, to report them."""

from gitops_orch.source.mirror import Mirror

HOSTS = "hosts"


def hosts_outside(mirror: Mirror, commit: str, path: str) -> str:
    """Return the nearest `hosts` directory above the managed path in a commit, or ""."""
    above = path.split("/")[:-1] if path else None
    while above is not None:
        found = "/".join((*above, HOSTS))
        listed = mirror.run("ls-tree", "-d", "--name-only", "--full-tree", commit, "--", found)
        if listed.ok and listed.stdout.strip():
            return found
        above = above[:-1] if above else None
    return ""
