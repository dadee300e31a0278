"""Image references, by the grammar of the distribution project: registry, repository, tag and digest.

This is the only module that takes a reference apart. `split_reference` accepts any text, because Engines report
references of their own (image ids, `<none>`). `reference_mistake` is for text that a person wrote.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_DOMAIN = "docker.io"
_OFFICIAL = "library"
_FORMER_DOMAIN = "index.docker.io"
_LOCALHOST = "localhost"
NAME_LENGTH_MAX = 255
TAG_LENGTH_MAX = 128
SHOWN_MAX = 80
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HEX = re.compile(r"[0-9a-f]+")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """A reference in its parts; `tag` and `digest` are "" where it has none, `domain` is never empty."""

    domain: str  # host, with its port if it has one
    path: str  # of the repository; for an official image of Docker Hub it begins with library/
    tag: str
    digest: str  # ALGORITHM:HEX

    @property
    def familiar_name(self) -> str:
        """Return the repository as Engines list it: without the default registry, and without its `library/`."""
        if self.domain != DEFAULT_DOMAIN:
            return f"{self.domain}/{self.path}"
        first, _, rest = self.path.partition("/")
        return rest if first == _OFFICIAL and rest and "/" not in rest else self.path


@lru_cache(maxsize=65536)
def split_reference(text: str) -> ImageReference:
    """Return the parts of a reference; for any other text, parts that give the same text when joined."""
    name, _, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    domain, path = _split_domain(head + slash + last)
    return ImageReference(domain=domain, path=path, tag=tag, digest=digest)


def with_default_tag(text: str) -> str:
    """Return the reference with the tag `latest` where it has neither tag nor digest, as an Engine needs it."""
    reference = split_reference(text)
    return text if reference.tag or reference.digest else f"{text.removesuffix(':')}:latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceMistake:
    """Why a text is not a reference, and the reference that was likely meant; "" where none is likely."""

    reason: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.reason}; did you mean {self.suggestion}?" if self.suggestion else self.reason


@lru_cache(maxsize=65536)
def reference_mistake(text: str) -> ReferenceMistake | None:
    """Return why a text is not an image reference; None where it is one."""
    reason = _reason(text)
    if not reason:
        return None
    likely = _likely(text)
    sound = likely != text and not _reason(likely)
    return ReferenceMistake(reason=reason, suggestion=likely if sound else "")


def _split_domain(name: str) -> tuple[str, str]:
    """Separate a registry from the first part of a repository, by characters that only a host can have."""
    first, slash, rest = name.partition("/")
    is_host = slash and (_looks_like_host(first) or first.lower() != first)
    domain, path = (first, rest) if is_host else (DEFAULT_DOMAIN, name)
    if domain == _FORMER_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"{_OFFICIAL}/{path}"
    return domain, path


def _looks_like_host(first: str) -> bool:
    return any(sign in first for sign in ".:[") or first == _LOCALHOST


def _reason(text: str) -> str:
    if not text:
        return "is empty; write NAME:TAG"
    if _SCHEME.match(text):
        return f"{_shown(text)} is a URL, and an image reference has no scheme"
    if _BLANK.search(text):
        return f"{_shown(text)} holds a blank, and an image reference has none"
    if _IMAGE_ID.fullmatch(text):
        return f"{_shown(text)} is the id of an image, which no registry knows; write NAME:TAG or NAME@sha256:DIGEST"
    name, at, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return (
        _name_reason(text, head + slash + last)
        or (_tag_reason(text, tag) if colon else "")
        or (_digest_reason(text, digest) if at else "")
    )


def _name_reason(text: str, name: str) -> str:
    if not name:
        return f"{_shown(text)} has no repository; write NAME:TAG"
    domain, path = _split_domain(name)
    if domain != DEFAULT_DOMAIN and not _looks_like_host(domain):
        return f"{_shown(text)}: the repository has upper-case letters, and must have none"  # Engine 20.10
    if not _DOMAIN.fullmatch(domain):
        return f"{_shown(text)}: {_shown(domain)} is no registry host; write HOST or HOST:PORT"
    for part in path.split("/"):
        if _COMPONENT.fullmatch(part):
            continue
        if part != part.lower():
            return f"{_shown(text)}: the repository has upper-case letters, and must have none"
        if not part:
            return f"{_shown(text)}: the repository has an empty part between slashes"
        return (
            f"{_shown(text)}: {_shown(part)} is no part of a repository; use lower-case letters and digits, "
            "and between them single '.', '_', '__' or hyphens"
        )
    if len(domain) + 1 + len(path) > NAME_LENGTH_MAX:
        return f"{_shown(text)}: the name has more than {NAME_LENGTH_MAX} characters"
    return ""


def _tag_reason(text: str, tag: str) -> str:
    if not tag:
        return f"{_shown(text)}: nothing follows the colon; write a tag there, or remove the colon"
    if len(tag) > TAG_LENGTH_MAX:
        return f"{_shown(text)}: the tag has {len(tag)} characters, at most {TAG_LENGTH_MAX} are allowed"
    if not _TAG.fullmatch(tag):
        return (
            f"{_shown(text)}: {_shown(tag)} is no tag; use letters, digits, '_', '.' and '-', "
            "and begin with a letter, a digit or '_'"
        )
    return ""


def _digest_reason(text: str, digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        return f"{_shown(text)}: a digest is written @sha256: and 64 hexadecimal digits, is {_shown(digest)}"
    if len(value) != length or not _HEX.fullmatch(value):
        return (
            f"{_shown(text)}: a {algorithm} digest has {length} hexadecimal digits in lower case, "
            f"this one has {len(value)} characters"
        )
    return ""


def _likely(text: str) -> str:
    """Return the text without common typing mistakes."""
    text = _BLANK.sub("", _SCHEME.sub("", text)).rstrip("/")
    name, at, digest = text.partition("@")
    head, _, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    domain, _, path = head.partition("/")
    if not _looks_like_host(domain):
        domain, path = "", head
    parts = [part for part in f"{path}/{last}".lower().split("/") if part]
    joined = "/".join([domain, *parts] if domain else parts)
    return f"{joined}{colon if tag else ''}{tag}{at}{digest.lower()}"


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= SHOWN_MAX else f'"{text[:SHOWN_MAX]}…"'
