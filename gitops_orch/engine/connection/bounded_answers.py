"""How much of an Engine's answer is read: an answer without an end, or a small one that unpacks to gigabytes, is refused.

Note [Packed answers]
No Engine packs its answers, and we do not ask for it.  What sits in between may pack one all the same: a single layer is
unpacked, in small pieces, so that the limit counts before the memory is spent.  Streams must not be packed at all.
"""

from collections.abc import Iterator

import requests
import urllib3

ANSWER_BYTES_MAX = 64_000_000
PIECE_BYTES = 16_384  # unpacked, at most some 17 MB
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "deflate"})


class AnswerTooLarge(Exception):
    """An answer is larger than what is read of one, or may be; the message says which limit."""


def read_whole(answer: requests.Response) -> None:
    """Read an answer's content, of at most ANSWER_BYTES_MAX unpacked bytes, so that it is there for all who ask.

    AnswerTooLarge where it is larger.
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
    answer._content = b"".join(kept)  # noqa: SLF001 - where requests keeps what it has read


def stream_pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield what comes of a stream, as it comes, in pieces of at most PIECE_BYTES; AnswerTooLarge where it is packed."""
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
