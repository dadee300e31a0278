"""Apps and intents for the contract, with defaults, and containers that are created from them."""

from dataclasses import replace

from contract.worlds import World

from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.model.app import App, AppKey, FileEntry, FileMount, Network, Service, Volume
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import State
from gitops_orch.model.plan.values import ContainerIntent, Joining
from gitops_orch.model.sensitive.secret import Sensitive


def app_with(key: AppKey, *, image="stub:1", files=(), networks=(), volumes=(), **compose) -> App:
    """An app of one service, `web`; keywords are keys of its Compose body."""
    body = {"image": image, **compose}
    if networks:
        body["networks"] = dict.fromkeys(networks)
    elif "network_mode" not in body:
        body["network_mode"] = "none"
    service = Service(name="web", compose=body, image=image, files=tuple(files), networks=tuple(networks))
    return App(
        key=key,
        path="compose.yaml",
        digest="d" * 64,
        services=(service,),
        networks=tuple(network(key, name) for name in networks),
        volumes=tuple(volume(key, name) for name in volumes),
    )


def network(key: AppKey, name: str) -> Network:
    return Network(key=name, name=f"{key.project}_{name}")


def volume(key: AppKey, name: str) -> Volume:
    return Volume(key=name, name=f"{key.project}_{name}")


def file_set(
    *, content=b"x", secret=False, directory=True, writable_path=None, digest="ab" * 32
) -> FileMount:
    entry = FileEntry(path="conf/a.txt" if directory else "", mode=0o644, content=Sensitive(content))
    return FileMount(
        target="/etc/app",
        entries=(entry,),
        directory=directory,
        secret=secret,
        writable_path=writable_path,
        digest=digest,
    )


def joining(app: App) -> Joining:
    return Joining(app=app, service=app.services[0], slot=1)


def intent(app: App, *, slot=1, **changes) -> ContainerIntent:
    """The intent for a slot of the app's service; `changes` are fields of the intent."""
    service = app.services[0]
    spec = spec_hash(app, service, salt="salt")
    made = ContainerIntent(
        app=app,
        service=service,
        slot=slot,
        name=container_name(app.key.project, service.name, slot, spec, ""),
        commit="c" * 40,
        spec_hash=spec,
        salt="salt",
        image=service.image,
        image_digest="",
    )
    return replace(made, **changes)


def created(world: World, app: App, **changes) -> str:
    """Create a container and the networks of its app, and return its id; `changes` are fields of the intent."""
    for each in app.networks:
        world.engine.create_network(app.key, each)
    return world.engine.create(intent(app, **changes))


def running(world: World, app: App, **changes) -> str:
    """Create a container as `created` does, start it, and return its id."""
    container = created(world, app, **changes)
    world.engine.start(container)
    return container


def state(world: World, container: str) -> State:
    return world.engine.inspect(container).state
