"""Apps, services and intents with defaults, built without YAML."""

from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.model.app import App, AppKey, Network, Port, Service, Volume
from gitops_orch.model.names import container_name
from gitops_orch.model.plan.values import ContainerIntent

SALT = "salt"


def service(name="web", image="web:1", **also) -> Service:
    """A service; keywords that are not fields of Service become keys of its Compose body."""
    own = {key: also.pop(key) for key in list(also) if key in Service.__dataclass_fields__ and key != "ports"}
    body = {"image": image, **also}
    networks = tuple(body.get("networks") or ())
    ports = tuple(
        Port(target=row["target"], published=int(row["published"]), protocol=row["protocol"])
        for row in body.get("ports", ())
    )
    return Service(name=name, image=image, compose=body, **{"networks": networks, "ports": ports} | own)


def app(name="shop", services=(), **also) -> App:
    key = AppKey(namespace=also.pop("namespace", "default"), name=name)
    networks = also.pop("networks", (Network(key="default", name=f"{key.project}_default"),))
    volumes = tuple(Volume(key=v, name=f"{key.project}_{v}") for v in also.pop("volumes", ()))
    return App(
        key=key,
        path=f"{name}/compose.yaml",
        digest=also.pop("digest", "d" * 64),
        services=tuple(services) or (service(),),
        networks=networks,
        volumes=volumes,
        **also,
    )


def intent(of: App, *, slot=1, image_id="", commit="c" * 40) -> ContainerIntent:
    """The intent for a slot of the app's first service."""
    first = of.services[0]
    spec = spec_hash(of, first, salt=SALT)
    return ContainerIntent(
        app=of,
        service=first,
        slot=slot,
        name=container_name(of.key.project, first.name, slot, spec, image_id),
        commit=commit,
        spec_hash=spec,
        salt=SALT,
        image=first.image,
        image_digest=image_id,
    )
