"""The SDK's low-level client, with the requests that its typed methods have no words for."""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import docker
import requests

from gitops_orch.engine.connection.bounded_answers import read_whole

_ARCHIVE_END = bytes(1024)


class RawClient(docker.APIClient):
    """One host's API, request by request; errors are the SDK's own, and stop at `Wire`."""

    if TYPE_CHECKING:  # what the SDK's own typed methods are made of, and its type stubs leave out

        def _url(self, path: str, *parts: str) -> str: ...
        def _get(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _put(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _post(self, url: str, **kwargs: Any) -> requests.Response: ...
        def _post_json(self, url: str, data: dict[str, Any], **kwargs: Any) -> requests.Response: ...
        def _raise_for_status(self, response: requests.Response) -> None: ...
        def create_container_from_config(
            self, config: Mapping[str, object], name: str | None = None, platform: str | None = None
        ) -> dict[str, Any]:
            """Create a container from a body as it is."""
            ...

        def inspect_image(self, image: str) -> dict[str, Any]:
            """Return what the Engine knows of an image."""
            ...

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request; its answer is read up to a limit, unless it is a stream.  No Engine redirects: nothing follows."""
        is_stream = bool(kwargs.get("stream"))
        answer = super().send(request, **{**kwargs, "stream": True, "allow_redirects": False})
        if not is_stream or not answer.ok:
            read_whole(answer)
        return answer

    def speak(self, version: str) -> None:
        """Use an API version from now on: the SDK's own negotiation knows no deadline."""
        self._version = version

    def ask_version(self) -> requests.Response:
        """Return the answer to the one question that needs no version."""
        return self.get(f"{self.base_url}/_ping", timeout=self.timeout)

    def post_body(
        self, path: str, *parts: str, body: Mapping[str, object], params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a body as it is and return the answer's JSON, an empty mapping where there is none."""
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
        """Return an answer that is read piece by piece: a POST where there is a body, else a GET."""
        url = self._url(path, *parts)
        if body is None:
            answer = self._get(url, params=params, stream=True)
        else:
            answer = self._post_json(url, data=dict(body), params=params, stream=True)
        self._raise_for_status(answer)
        return answer

    def upload(self, container: str, archive: bytes, *, path: str) -> None:
        """Unpack an archive in a container; a directory never takes a file's place, nor the other way round."""
        answer = self._put(
            self._url("/containers/{0}/archive", container),
            params={"path": path, "noOverwriteDirNonDir": "1"},
            data=archive,
        )
        self._raise_for_status(answer)

    def clear(self, container: str, archive: bytes, *, path: str) -> None:
        """Unpack what only makes room; the Engine's refusal of the rest is what is expected."""
        answer = self._put(
            self._url("/containers/{0}/archive", container), params={"path": path}, data=archive
        )
        if "unhandled tar header" not in answer.text:
            self._raise_for_status(answer)

    def download(self, container: str, path: str) -> bytes:
        """Return a path of a container as an archive; ValueError where it is cut off, as an Engine does with a 200."""
        answer = self._get(self._url("/containers/{0}/archive", container), params={"path": path})
        self._raise_for_status(answer)
        if not answer.content.endswith(_ARCHIVE_END):
            raise ValueError("the archive has no end")
        return answer.content

    def find(self, container: str, path: str) -> dict[str, Any]:
        """Return what is at a path in a container without fetching it; an API error of 404 where it is not there.

        Keys: name, size, mode (as Go's os.FileMode), mtime, linkTarget.  A link is not followed.
        """
        url = self._url("/containers/{0}/archive", container)
        answer = self.head(url, params={"path": path}, timeout=self.timeout)
        self._raise_for_status(answer)
        found: dict[str, Any] = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        return found

    def open_pull(self, params: Mapping[str, str], headers: Mapping[str, str]) -> requests.Response:
        """Begin a pull; its progress is the answer, line by line."""
        answer = self._post(
            self._url("/images/create"), params=dict(params), headers=dict(headers), stream=True
        )
        self._raise_for_status(answer)
        return answer
