"""From `docker compose config --format json` to an App, so that the payload is judged apart from our loader."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitops_orch.model.app import App, AppKey, Network, Service, Volume
from gitops_orch.model.names import container_name
from gitops_orch.model.plan.values import ContainerIntent


def compose(program: Path, socket: str, folder: Path, *arguments: str) -> str:
    """Run Compose against an Engine; AssertionError with its own words where it fails."""
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": socket},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def app_of(model: Mapping[str, Any]) -> App:
    """Return the app that a resolved Compose file describes; files from Git are not among what is judged here."""
    return App(
        key=AppKey(namespace="default", name=model["name"]),
        path="compose.yaml",
        digest="0" * 64,
        services=tuple(_service(name, body) for name, body in model["services"].items()),
        networks=tuple(_network(key, body) for key, body in model.get("networks", {}).items()),
        volumes=tuple(_volume(key, body) for key, body in model.get("volumes", {}).items()),
    )


def _service(name: str, body: Mapping[str, Any]) -> Service:
    networks = () if body.get("network_mode") else tuple(body.get("networks") or ())
    return Service(
        name=name,
        compose=body,
        image=body["image"],
        networks=networks,
        container_name=body.get("container_name"),
    )


def _network(key: str, body: Mapping[str, Any]) -> Network:
    return Network(key=key, name=body["name"], external=bool(body.get("external")), compose=body)


def _volume(key: str, body: Mapping[str, Any]) -> Volume:
    return Volume(key=key, name=body["name"], external=bool(body.get("external")), compose=body)


def resolved(program: Path, socket: str, folder: Path) -> dict[str, Any]:
    """Return Compose's verdict on the file in the folder."""
    model: dict[str, Any] = json.loads(compose(program, socket, folder, "config", "--format", "json"))
    return model


def intent_of(
    app: App, service: Service, *, spec_hash: str = "a" * 64, image_digest: str = ""
) -> ContainerIntent:
    """Return the intent of the service's first container."""
    name = service.container_name or container_name(app.key.project, service.name, 1, spec_hash, image_digest)
    return ContainerIntent(
        app=app,
        service=service,
        slot=1,
        name=name,
        commit="c" * 40,
        spec_hash=spec_hash,
        salt="salt",
        image=service.image,
        image_digest=image_digest,
    )
