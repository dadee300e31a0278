"""A server on a Unix socket that misbehaves on request, alone or between a client and a real Engine."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Reply = Callable[["Unruly", socket.socket, bytes], None]
PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
INFO = {"ServerVersion": "20.10.24", "ID": "engine-1", "DockerRootDir": "/var/lib/docker"}


def answer(status: str, body: object = b"", *, kind: str = "application/json") -> Reply:
    """Answer with a body; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"

    def reply(_server: "Unruly", client: socket.socket, _request: bytes) -> None:
        client.sendall(head.encode() + content)

    return reply


def raw(content: bytes) -> Reply:
    """Answer with these bytes and hang up."""

    def reply(_server: "Unruly", client: socket.socket, _request: bytes) -> None:
        client.sendall(content)

    return reply


def hang(server: "Unruly", _client: socket.socket, _request: bytes) -> None:
    """Never answer."""
    server.ended.wait()


def trickle(content: bytes) -> Reply:
    """Answer a byte at a time, forever slow."""

    def reply(server: "Unruly", client: socket.socket, _request: bytes) -> None:
        for byte in content:
            client.sendall(bytes([byte]))
            if server.ended.wait(0.05):
                return
        server.ended.wait()

    return reply


def forward(server: "Unruly", client: socket.socket, request: bytes) -> None:
    """Pass the request on, and the answer back as it comes."""
    for piece in server.answer_of_engine(request):
        client.sendall(piece)


def lose_reply(server: "Unruly", _client: socket.socket, request: bytes) -> None:
    """Let the Engine do it, and keep its answer."""
    server.ask_engine(request)


def cut_reply(server: "Unruly", client: socket.socket, request: bytes) -> None:
    """Let the Engine do it, and send only half of its answer."""
    reply = server.ask_engine(request)
    client.sendall(reply[: len(reply) // 2])


def cut_after(marker: bytes) -> Reply:
    """Pass the Engine's answer on up to and with some bytes, and hang up on both."""

    def reply(server: "Unruly", client: socket.socket, request: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(server.engine))
            engine.sendall(request)
            seen = b""
            while marker not in seen:
                piece = engine.recv(1)
                seen += piece
                if not piece:
                    raise ConnectionError
            client.sendall(seen)

    return reply


@dataclass
class Unruly:
    """The server; `rules` are (pattern of "METHOD /path", replies): each reply is used once, the last for ever."""

    path: Path
    engine: str | None = None  # path of a real Engine's socket
    rules: list[tuple[str, list[Reply]]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def on(self, pattern: str, *replies: Reply) -> "Unruly":
        self.rules.insert(0, (pattern, list(replies)))
        return self

    def asked(self, pattern: str) -> int:
        return sum(1 for line in self.requests if re.search(pattern, line))

    def serve(self, listener: socket.socket) -> None:
        while not self.ended.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def _serve_one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            request = _read_request(client)
            line = request.split(b"\r\n", 1)[0].decode().rsplit(" ", 1)[0]
            self.requests.append(line)
            self.heads.append(request.partition(b"\r\n\r\n")[0].decode())
            self._reply_for(line)(self, client, request)

    def _reply_for(self, line: str) -> Reply:
        for pattern, replies in self.rules:
            if re.search(pattern, line):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        if self.engine is not None:
            return forward
        return raw(PING) if line.endswith("/_ping") else answer("200 OK", INFO)

    def ask_engine(self, request: bytes) -> bytes:
        return b"".join(self.answer_of_engine(request))

    def answer_of_engine(self, request: bytes) -> Iterator[bytes]:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.engine))
            engine.sendall(
                re.sub(rb"(?i)\r\nConnection: [^\r]*", b"", request, count=1).replace(
                    b"\r\n", b"\r\nConnection: close\r\n", 1
                )
            )
            yield from iter(lambda: engine.recv(65536), b"")


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError
        request += piece
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    missing = (int(length[1]) if length else 0) - len(body)
    while missing > 0:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError
        request += piece
        missing -= len(piece)
    return request


@contextlib.contextmanager
def unruly(path: Path, engine: str | None = None) -> Iterator[Unruly]:
    """Lend a server."""
    server = Unruly(path=path, engine=engine)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        yield server
        server.ended.set()
        listener.shutdown(socket.SHUT_RDWR)
