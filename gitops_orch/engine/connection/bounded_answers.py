"""Limits how much of an Engine's answer is read: an endless answer, or one that decompresses to gigabytes, is refused.

Note [Compressed answers]
No Engine compresses its answers, and we do not request it. A proxy in between may still do so. One layer of compression
is decompressed in small pieces, so that the limit applies before the memory is used. A stream must not be compressed.
"""

from collections.abc import Iterator

import requests
import urllib3

ANSWER_BYTES_MAX = 64_000_000
PIECE_BYTES = 16_384  # decompressed, at most about 17 MB
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "deflate"})


class AnswerTooLarge(Exception):
    """An answer is, or may be, larger than the limit; the message names the limit."""


def read_whole(answer: requests.Response) -> None:
    """Read an answer's content into `answer.content`, at most ANSWER_BYTES_MAX decompressed bytes.

    AnswerTooLarge if it is larger, or has a compression that is not supported.
    """
    if _encoding(answer) not in _PLAIN | _PACKED:
        answer.close()
        raise AnswerTooLarge(f"it is packed as {_encoding(answer)[:40]!r}, which is not unpacked")
    kept: list[bytes] = []
    size = 0
    for piece in answer.iter_content(PIECE_BYTES):
        kept.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            answer.close()
            raise AnswerTooLarge(
                f"it is larger than {ANSWER_BYTES_MAX // 1_000_000} MB, the most that is read of one answer"
            )
    answer._content = b"".join(kept)  # noqa: SLF001 - requests stores the content that it has read here


def stream_pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield a stream's data when it arrives, at most PIECE_BYTES at a time; AnswerTooLarge if it is compressed."""
    if _encoding(answer) not in _PLAIN:
        raise AnswerTooLarge("it is a packed stream, which is not unpacked")
    raw: urllib3.HTTPResponse = answer.raw
    if raw.chunked:
        yield from answer.iter_content(PIECE_BYTES)
        return
    while piece := raw.read1(PIECE_BYTES):
        yield piece


def _encoding(answer: requests.Response) -> str:
    return str(answer.headers.get("Content-Encoding", "")).strip().lower()
