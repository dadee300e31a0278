"""Translates git's error output: into errors that a retry may fix, and errors with a hint for the operator."""

import re

from gitops_orch import redaction
from gitops_orch.errors import SourceError, SourceUnavailable

SENTENCE_CHARS_MAX = 400

_NOISE = re.compile(
    r"^(?:warning: |hint: |debug\d: |\s*$|Please make sure you have|and the repository exists)"
)
_CORRUPT = re.compile(
    r"inflate|corrupt|bad (?:object|tree|signature)|missing (?:blob|tree|commit)|unable to (?:read|parse|find)"
    r"|could not read [0-9a-f]{40}|failed to (?:read|traverse)|does not match index|wrong index|not a git repository"
    r"|bad config|packfile .* cannot be accessed|invalid (?:sha1 pointer|object)|object file .* is empty"
    r"|broken (?:ref|link)|unknown repository extension|index file .* is too small|Could not parse object",
    re.IGNORECASE,
)

# The first match applies. Each row: a pattern in git's output, its meaning, the hint.
_REMOTE = (
    (
        r"No space left|Disk quota exceeded",
        "the disk of the mirror is full",
        "make room; the next poll continues",
    ),
    (r"Read-only file system", "the mirror's file system is read-only", "make the state directory writable"),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No \w+ host key is known",
        "the host key of the server is not one that is trusted",
        "ask the server's owner for its key, then correct repository.known_hosts",
    ),
    (
        r"SSL|certificate|TLS",
        "the server's TLS certificate is not valid for it",
        "correct the certificate, or name the file of an internal authority in the variable GIT_SSL_CAINFO",
    ),
    (
        r"fsck error|hash mismatch|SHA1 COLLISION",
        "the server gave an object that fails Git's own checks",
        "nothing of it is used; look into the repository with git fsck",
    ),
    (
        r"error: 429|Too Many Requests|rate limit",
        "the server limits the rate of requests",
        "raise poll.interval",
    ),
    (
        r"error: 30[1278]",
        "the server sends us to another address, and a token is not carried along",
        "put the new address into repository.url",
    ),
    (
        r"error: 404|[Rr]epository .{0,200}not found|not appear to be a git|does not exist|No such file or dir",
        "the repository is not there, or this login may not see it",
        "check repository.url, and what the token may read",
    ),
    (
        r"Authentication failed|could not read (?:User|Pass)|error: 40[13]|Permission denied|Access denied|HTTP Basic",
        "the login was refused",
        "set or renew repository.token_file (https) or repository.ssh_key (ssh), and let that login read the repository",
    ),
    (r"Could not resolve host", "the server's name is not known", "check DNS and repository.url"),
    (
        r"Connection refused|timed out|Operation too slow",
        "the server does not answer",
        "the next poll tries again",
    ),
)


class MirrorDamaged(SourceError):
    """The mirror lacks an object that it should have; rebuilding the mirror repairs this."""


def redact(text: str) -> str:
    """Return the text as one printable line, shortened, with all credentials redacted."""
    lines = [line for line in redaction.redact(text).splitlines() if not _NOISE.match(line)]
    joined = " | ".join(printable(line.expandtabs(1)).strip() for line in lines)
    return joined if len(joined) <= SENTENCE_CHARS_MAX else joined[:SENTENCE_CHARS_MAX] + "…"


def printable(text: str) -> str:
    """Return the text without characters that move a terminal's cursor or change the direction of writing."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def remote_failure(stderr: str, url: str) -> SourceUnavailable:
    """Return the error for a failed request to the remote, in one sentence with git's output."""
    output = redact(stderr)
    for pattern, meaning, hint in _REMOTE:
        if re.search(pattern, stderr):
            return SourceUnavailable(f"{url}: {meaning} (git: {output})", hint=hint)
    return SourceUnavailable(
        f"{url}: git failed: {output}", hint="nothing is touched; the next poll tries again"
    )


def push_failure(output: str, url: str) -> SourceError:
    """Return the error for a failed push: SourceUnavailable if the branch moved, SourceError if the server refuses."""
    words = redact(output)
    if re.search(r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref", output):
        return SourceUnavailable(
            f"{url}: the branch moved while the revert was made (git: {words})", hint="fetch and try again"
        )
    if re.search(r"branch is currently checked out|refusing to (?:update|delete) checked out branch", output):
        return SourceError(
            f"{url}: this repository has the branch checked out, so Git refuses to push to it",
            hint="push to a bare repository, or run `git config receive.denyCurrentBranch updateInstead` in that one",
        )
    if re.search(r"unstaged changes|uncommitted changes|[Ww]orking (?:tree|directory) has", output):
        return SourceError(
            f"{url}: this repository has the branch checked out with changes that are not committed, so Git refuses to push "
            "to it",
            hint="commit or undo these changes there",
        )
    if re.search(r"remote rejected|pre-receive|protected|hook declined", output):
        return SourceError(
            f"{url}: the server refused the push (git: {words})",
            hint="let this login push to the branch",
        )
    failure = remote_failure(output, url)
    return SourceError(failure.message, hint=failure.hint)


def is_corrupt(stderr: str) -> bool:
    """Return whether git's output reports a damaged local store, not a failure of the remote."""
    return _CORRUPT.search(stderr) is not None and not re.search(r"No space left|Read-only file", stderr)
