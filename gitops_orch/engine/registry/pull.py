"""Pulls images, with progress and a separate deadline, and looks up digests in registries."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from gitops_orch.engine.base import PulledImage
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.bounded_answers import AnswerTooLarge, stream_pieces
from gitops_orch.engine.registry.registry_auth import PullAuth
from gitops_orch.errors import EngineError, HostUnreachable, ImageUnavailable, NotFound
from gitops_orch.model.rules.image_reference import with_default_tag
from gitops_orch.model.rules.platform import suits
from gitops_orch.model.rules.start_errors import host_hint

LINE_BYTES_MAX = 1_000_000
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A reference to pull (without tag and digest: tag `latest`), and its platform ("": any)."""

    image: str
    platform: str = ""
    deadline_s: float


def pull_image(
    wire: Wire, pull: PullRequest, auth: PullAuth, progress: Callable[[str], None] | None
) -> PulledImage:
    """Pull a reference; ImageUnavailable if that is not possible."""
    image, host = pull.image, wire.host
    try:
        with wire.bounded(f"pull of {image}", deadline_s=pull.deadline_s):
            refusal = _follow(wire, pull, auth.header, progress or (lambda _line: None))
    except HostUnreachable as error:
        if not _answers(wire, image):
            raise
        reason = "the host answers, and its registry or the way there does not"
        raise _unavailable(
            host, image, f"it did not succeed within {pull.deadline_s:g} s: {reason}"
        ) from error
    except EngineError as error:
        raise _unavailable(host, image, error.message, auth.hint) from error
    if refusal:
        raise _unavailable(host, image, refusal, auth.hint)
    try:
        return local_image(wire, image)
    except NotFound as error:
        raise _unavailable(host, image, "its pull ended before the image was there") from error


def _answers(wire: Wire, image: str) -> bool:
    try:
        local_image(wire, image)
    except NotFound:
        return True
    except EngineError:
        return False
    return True


def _follow(wire: Wire, pull: PullRequest, header: str | None, progress: Callable[[str], None]) -> str:
    """Follow a pull to its end; return why it was refused, or ""."""
    headers = {"X-Registry-Auth": header} if header else {}
    params = {"fromImage": with_default_tag(pull.image)}
    if pull.platform:
        params["platform"] = pull.platform
    for row in json_lines(wire.client().open_pull(params, headers)):
        if row.get("error"):
            return str(row["error"])
        progress(_progress_line(row))
    return ""


def registry_digest(wire: Wire, image: str, auth: PullAuth) -> str:
    """Return the digest that the registry has for a reference; ImageUnavailable if the Engine cannot get it."""
    what = f"look-up of {image} in its registry"
    headers = {"X-Registry-Auth": auth.header} if auth.header else {}
    try:
        row = wire.call(
            what,
            lambda client: client.get_json(
                "/distribution/{0}/json", with_default_tag(image), headers=headers
            ),
        )
        with wire.understood(what):
            digest = str(row["Descriptor"]["digest"])
    except HostUnreachable:
        raise
    except EngineError as error:
        raise ImageUnavailable(error.message, hint=auth.hint or error.hint) from error
    if _DIGEST.fullmatch(digest) is None:
        raise ImageUnavailable(f"{wire.host}: {what}: {digest[:80]!r} is no digest")
    return digest


def local_image(wire: Wire, image: str) -> PulledImage:
    """Return an image of the host; NotFound if the host does not have it."""
    return _known(_inspected(wire, image))


def suitable_image(wire: Wire, image: str, platform: str) -> PulledImage | None:
    """Return the host's image if it fits the platform; None if it does not fit, or the host does not have it."""
    try:
        row = _inspected(wire, image)
    except NotFound:
        return None
    has = [str(row.get(key) or "") for key in ("Os", "Architecture", "Variant")]
    return _known(row) if suits(platform, *has) else None


def _inspected(wire: Wire, image: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] = wire.read(
        f"inspect of image {image}", lambda client: client.inspect_image(image)
    )
    return row


def _known(row: Mapping[str, Any]) -> PulledImage:
    return PulledImage(id=str(row["Id"]), digests=tuple(sorted(row.get("RepoDigests") or ())))


def _unavailable(host: str, image: str, reason: str, credentials: str = "") -> ImageUnavailable:
    return ImageUnavailable(
        f"{host}: image {image} cannot be pulled: {reason.removeprefix(f'{host}: pull of {image}: ')}",
        hint=credentials
        or host_hint(reason)
        or "check its name, its registry, and the registry's credentials",
    )


def _progress_line(row: dict[str, Any]) -> str:
    parts = (row.get("id"), row.get("status"), row.get("progress"))
    return " ".join(str(part) for part in parts if part)


def json_lines(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a streamed answer, one per line, when they arrive."""
    rest = b""
    for piece in stream_pieces(answer):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise AnswerTooLarge(f"a line of it is longer than {LINE_BYTES_MAX // 1_000_000} MB")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)
