"""Extends the Docker SDK's low-level client with requests that the SDK has no method for."""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import docker
import requests

from gitops_orch.engine.connection.bounded_answers import read_whole

_ARCHIVE_END = bytes(1024)


class RawClient(docker.APIClient):
    """One method for each request to one host's API; raises errors of the SDK, which `Wire` translates."""

    if TYPE_CHECKING:  # internal methods of the SDK, which its type stubs omit

        def _url(self, path: str, *parts: str) -> str: ...
        def _get(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _put(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _post(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _post_json(self, url: str, data: dict[str, Any], **kwargs: Any) -> requests.Response: ...
        def _raise_for_status(self, response: requests.Response) -> None: ...
        def create_container_from_config(
            self, config: Mapping[str, object], name: str | None = None, platform: str | None = None
        ) -> dict[str, Any]:
            """Create a container with this request body, unchanged."""
            ...

        def inspect_image(self, image: str) -> dict[str, Any]:
            """Return the inspection of an image."""
            ...

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request without following redirects; read its answer up to a limit, unless it is a stream."""
        is_stream = bool(kwargs.get("stream"))
        answer = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        if not is_stream or not answer.ok:
            read_whole(answer)
        return answer

    def speak(self, version: str) -> None:
        """Use this API version from now on; the SDK's own negotiation has no deadline."""
        self._version = version

    def ask_version(self) -> requests.Response:
        """Return the answer to `/_ping`, the one request that needs no API version."""
        return self.get(f"{self.base_url}/_ping", timeout=self.timeout)

    def post_body(
        self, path: str, *parts: str, body: Mapping[str, object], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """POST this request body, unchanged; return the answer's JSON object, or an empty mapping if there is none."""
        answer = self._post_json(self._url(path, *parts), data=dict(body), params=params)
        self._raise_for_status(answer)
        found = answer.json() if answer.content.strip() else {}
        return found if isinstance(found, dict) else {}

    def get_json(self, path: str, *parts: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer's JSON object."""
        answer = self._get(self._url(path, *parts), headers=dict(headers))
        self._raise_for_status(answer)
        found = answer.json()
        return found if isinstance(found, dict) else {}

    def open_stream(
        self, path: str, *parts: str, body: Mapping[str, object] | None = None, params: Mapping[str, str]
    ) -> requests.Response:
        """Return a streamed answer: of a POST if there is a body, else of a GET."""
        url = self._url(path, *parts)
        if body is None:
            answer = self._get(url, params=params, stream=True)
        else:
            answer = self._post_json(url, data=dict(body), params=params, stream=True)
        self._raise_for_status(answer)
        return answer

    def upload(self, container: str, archive: bytes, *, path: str) -> None:
        """Unpack an archive in a container; a directory never replaces a file, nor a file a directory."""
        answer = self._put(
            self._url("/containers/{0}/archive", container),
            params={"path": path, "noOverwriteDirNonDir": "1"},
            data=archive,
        )
        self._raise_for_status(answer)

    def clear(self, container: str, archive: bytes, *, path: str) -> None:
        """Unpack a removal archive: the Engine removes the path, and then refuses the entry, as expected."""
        answer = self._put(
            self._url("/containers/{0}/archive", container), params={"path": path}, data=archive
        )
        if "unhandled tar header" not in answer.text:
            self._raise_for_status(answer)

    def download(self, container: str, path: str) -> bytes:
        """Return a path of a container as an archive; ValueError if it is incomplete, even with status 200."""
        answer = self._get(self._url("/containers/{0}/archive", container), params={"path": path})
        self._raise_for_status(answer)
        if not answer.content.endswith(_ARCHIVE_END):
            raise ValueError("the archive has no end")
        return answer.content

    def find(self, container: str, path: str) -> dict[str, Any]:
        """Return the attributes of a path in a container, without its content; an API error 404 if it does not exist.

        Keys: name, size, mode (as Go's os.FileMode), mtime, linkTarget. A link is not followed.
        """
        url = self._url("/containers/{0}/archive", container)
        answer = self.head(url, params={"path": path}, timeout=self.timeout)
        self._raise_for_status(answer)
        found: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        return found

    def open_pull(self, params: Mapping[str, str], headers: Mapping[str, str]) -> requests.Response:
        """Begin a pull; the answer streams its progress, line by line."""
        answer = self._post(
            self._url("/images/create"), params=dict(params), headers=dict(headers), stream=True
        )
        self._raise_for_status(answer)
        return answer
