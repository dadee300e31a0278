"""Forges that a test can talk to: smart HTTP with a login, TLS, SSH, and ones that misbehave."""

import base64
import contextlib
import getpass
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab.commands import wait_for
from lab.provided import need_program, provided


@dataclass
class Forge:
    """What an HTTP forge does with a request; tests change it while it runs."""

    root: Path
    token: str = ""
    status: int = 0  # answer everything with it
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int = -1  # of an upload-pack answer
    seen: list[str] = field(default_factory=list)  # values of Authorization
    url: str = ""


class ForgeHandler(BaseHTTPRequestHandler):
    forge: Forge

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._serve(self._chunks())
        else:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _serve(self, body: bytes) -> None:
        login = self.headers.get("Authorization", "")
        self.forge.seen.append(login)
        if self.forge.status:
            self._refuse(self.forge.status)
        elif (
            self.forge.token
            and base64.b64decode(login.partition(" ")[2]).decode().partition(":")[2] != self.forge.token
        ):
            self._refuse(401, {"WWW-Authenticate": 'Basic realm="forge"'})
        else:
            self._backend(body)

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**self.forge.headers, **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.forge.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environ, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for key, value in fields.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.forge.cut_after_bytes >= 0 and path.endswith("upload-pack") and b"fetch" in body[:40]:
            content = content[: self.forge.cut_after_bytes]
        self.wfile.write(content)


@contextlib.contextmanager
def http_forge(root: Path, *, certificate: Path | None = None) -> Iterator[Forge]:
    """Serve the repositories below a directory over smart HTTP, or HTTPS with a certificate-and-key file."""
    forge = Forge(root=root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (ForgeHandler,), {"forge": forge}))
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    forge.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(folder: Path, *, address: str = "127.0.0.1", days: int = 1) -> Path:
    """Make a self-signed certificate, key and all in one file."""
    path = folder / "certificate.pem"
    key = folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=forge"]
    command += [
        "-addext",
        f"subjectAltName=IP:{address}",
        "-days",
        str(days),
        "-keyout",
        str(key),
        "-out",
        str(path),
    ]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@contextlib.contextmanager
def silent_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept connections and let `answer` do with each what it likes; yields the port."""
    kept: list[socket.socket] = []
    threads: list[threading.Thread] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                kept.append(connection)
                threads.append(threading.Thread(target=_ignoring_errors, args=(answer, connection)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        # Closed under a thread that waits for it, a socket's number would go to the next one that is opened.
        _shut_down(listening)
        accepting.join()
        for connection in kept:
            _shut_down(connection)
        for thread in threads:
            thread.join()
        for open_socket in (listening, *kept):
            open_socket.close()


def _shut_down(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)


def _ignoring_errors(answer: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        answer(connection)


@dataclass(frozen=True, kw_only=True)
class SshForge:
    """A real sshd with one host key and one key that may log in."""

    url: str
    key: Path
    known_hosts: Path


@contextlib.contextmanager
def ssh_forge(root: Path, folder: Path) -> Iterator[SshForge]:
    """Serve this user's repositories over SSH; skips the test where there is no sshd."""
    with provided():
        sshd = need_program("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    Path("/run/sshd").mkdir(exist_ok=True)
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PermitRootLogin yes\nPasswordAuthentication no\nAuthorizedKeysFile {folder / 'user.pub'}\n"
    )
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"something to listen on port {port}", lambda: _listens(port))
        yield SshForge(
            url=f"ssh://{getpass.getuser()}@127.0.0.1:{port}{root}", key=folder / "user", known_hosts=known
        )
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
