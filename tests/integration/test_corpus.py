"""Real files on real Engines: all at once they converge, and nothing is left to do; stubs stand in for their images."""

import json
from pathlib import Path

from compose_judge import tree
from golden.test_converges import CORPUS, with_images, with_missing_files
from integration.world import World, on
from lab.stub import StubImage, image_archive

from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.app import App

# What the files run in their images to see whether they do well; whatever their command is, a stub stays.
PROGRAMS = ("bin/curl", "bin/mysqladmin", "bin/pg_isready", "opt/mssql-tools/bin/sqlcmd")
# Places on the host that are moved into the test's own directory.
PLACES = ("/var/run/docker.sock", "~/minecraft_data")
NOT_HERE = {
    "plex": "it is on its host's own network, where its stub takes port 8080 from the others",
    "wireguard": "it asks for kernel modules that no kernel of a test machine has",
    "pihole-cloudflared-DoH": "its fixed addresses are among those that an Engine gives to the networks of others",
}


def files_of(path: Path, directory: Path) -> dict[str, str | bytes]:
    """Return the files of an app: the real one, what it mounts, and images for what it would build."""
    text = path.read_text(encoding="utf-8")
    for place in PLACES:
        text = text.replace(f"{place}:", f"{directory}/{place.strip('~/')}:")
    at = f"apps/{path.parent.name}"
    files = {
        f"{at}/compose.yaml": text,
        f"{at}/compose.test.yaml": with_images(text),
        f"{at}/.env": f"PLEX_MEDIA_PATH={directory}/media\n",
    }
    return dict(with_missing_files(files))


def tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def overlay(app: App, number: int, host: str) -> str:
    """Images for what would be built, no wait to see that all stays well; a host for each app, and an address on it."""
    lines = [f"x-gitops: {json.dumps(on(host))}", "services:"]
    for service in app.services:
        body = {"image": service.image, "deploy": {"update_config": {"monitor": "1ms"}}}
        ports = [
            f"127.0.1.{number}:{port.published}:{port.target}/{port.protocol}"
            for port in service.ports
            if port.published is not None
        ]
        lines += [f"  {service.name}:", *(f"    {key}: {json.dumps(value)}" for key, value in body.items())]
        lines += [f"    ports: !override {json.dumps(ports)}"] if ports else []
    return "\n".join(lines) + "\n"


def test_the_corpus_converges_on_real_engines(fleet: World, tmp_path):
    files: dict[str, str | bytes] = {}
    images: set[str] = set()
    hosts = list(fleet.hosts)
    paths = [path for path in CORPUS if path.parent.name not in NOT_HERE]
    for number, path in enumerate(paths, start=1):
        own = files_of(path, tmp_path)
        [app] = compile_tree(tree(own), environment="test").apps
        images |= {tagged(service.image) for service in app.services}
        files |= own | {
            f"apps/{path.parent.name}/compose.test.yaml": overlay(app, number, hosts[number % len(hosts)])
        }
    stubs = [StubImage(tag=name, entrypoint=("/bin/serve",), programs=PROGRAMS) for name in sorted(images)]
    archive = image_archive(tuple(stubs))
    for host in fleet.hosts.values():
        host.load((archive,))
    fleet.settings["GITOPS_ORCH_ENVIRONMENT"] = "test"
    fleet.commit(files)

    fleet.sync()  # what an overloaded Engine does not answer in time is done by the next run
    reply = fleet.converge()

    rows = {row["app"]: (row["sync"], row["health"]) for row in reply.document["apps"]}
    assert rows == {path.parent.name: ("in-sync", "healthy") for path in paths}
