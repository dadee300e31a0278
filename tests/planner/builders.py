"""Builders with defaults: a world in, a plan out."""

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from gitops_orch.engine.payload.spec_hash import spec_hash
from gitops_orch.model.app import App, AppKey, Network, Service
from gitops_orch.model.host import Host
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import (
    AnyContainer,
    Details,
    ForeignContainer,
    Observation,
    ObservedHost,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    OwnedContainer,
    Ownership,
    State,
    by_ownership,
)
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.model.rules.ports import fixed_ports
from gitops_orch.planner.inputs.world import (
    ContainerSpec,
    DesiredInputs,
    ObservedInputs,
    ReleaseInputs,
    SpecInputs,
    TargetRelease,
    World,
)

NOT_UP = (State.EXITED, State.CREATED, State.DEAD)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
COMMIT = "c" * 40
IMAGE = "stub:1"
IMAGE_ID = "sha256:" + "1" * 64
SALT = "salt"


def service(name="api", **fields) -> Service:
    image = fields.pop("image", IMAGE)
    compose = {"image": image, "networks": {"default": None}, **fields.pop("compose", {})}
    networks = () if "network_mode" in compose else ("default",)
    return Service(name=name, compose=compose, image=image, **{"networks": networks, **fields})


def app(name="shop", *services: Service, **fields) -> App:
    services = services or (service(),)
    key = AppKey(namespace="default", name=name)
    digest = fields.pop("digest", f"digest-of-{name}-{hash(tuple(repr(s) for s in services)) & 0xFFFF:x}")
    network = Network(key="default", name=f"{key.project}_default")
    return App(
        key=key, path=f"{name}/compose.yaml", digest=digest, services=services, networks=(network,), **fields
    )


def spec_of(of: App, name: str) -> ContainerSpec:
    return ContainerSpec(hash=spec_hash(of, of.service(name), salt=SALT))


def container(of: App, name="api", slot=1, **fields) -> OwnedContainer:
    """A container of the app as it is when all is well."""
    made_from = fields.pop("spec", None) or spec_of(of, name).hash
    image_id = fields.pop("image_id", IMAGE_ID)
    owner = Ownership(
        app=of.key,
        service=name,
        slot=slot,
        commit=fields.pop("commit", COMMIT),
        release=fields.pop("release", of.digest),
        spec_hash=made_from,
        hash_version="1",
        salt=SALT,
        image_digest=image_id,
    )
    title = of.service(name).container_name or container_name(of.key.project, name, slot, made_from, image_id)
    defaults = {
        "host": "h1",
        "id": f"id-{title}",
        "name": title,
        "image": IMAGE,
        "image_id": image_id,
        "state": State.RUNNING,
        "owner": owner,
        "project": of.key.project,
        "networks": () if "network_mode" in of.service(name).compose else (f"{of.key.project}_default",),
        "details": Details(),
        "ports": () if fields.get("state") in NOT_UP else fixed_ports(of.service(name)),
        "addresses": () if fields.get("state") in NOT_UP else fixed_addresses(of, of.service(name)),
        "fixed_addresses": fixed_addresses(of, of.service(name)),
    }
    return OwnedContainer(**{**defaults, **fields})


def foreign(name="stranger", **fields) -> ForeignContainer:
    defaults = {"host": "h1", "id": f"id-{name}", "name": name, "image": "other:1"}
    defaults |= {"image_id": "sha256:" + "9" * 64, "state": State.RUNNING}
    return ForeignContainer(**{**defaults, **fields})


def host(name="h1", **fields) -> Host:
    return Host(name=name, url=f"sim://{name}", **fields)


def seen(name="h1", *containers: AnyContainer, apps: tuple[App, ...] = (), **fields) -> ObservedHost:
    """A host that answered; `apps` have their networks on it, and it lists the volumes that containers mount."""
    mounted = {m.source for each in containers for m in each.mounts if m.kind == "volume"}
    given = fields.pop("volumes", ())
    mounted -= {each.name for each in given}
    networks = tuple(ObservedNetwork(id=n.name, name=n.name, owner=a.key) for a in apps for n in a.networks)
    owned, not_owned = by_ownership(replace(each, host=name) for each in containers)
    defaults = {
        "observed_at": NOW,
        "engine_version": "20.10.24",
        "api_version": "1.41",
        "owned": owned,
        "foreign": not_owned,
        "networks": networks,
        "volumes": (*given, *(ObservedVolume(name=name) for name in sorted(mounted))),
        "images": (ObservedImage(id=IMAGE_ID, tags=(IMAGE,)),),
    }
    return ObservedHost(name=name, **{**defaults, **fields})


def world(*apps: App, observed: Mapping[str, Observation] | None = None, **fields) -> World:
    observed = {"h1": seen()} if observed is None else observed
    chosen = fields.pop("targets", tuple(TargetRelease(app=each, commit=COMMIT) for each in apps))
    specs = {
        (each.app.key, each.app.digest, s.name): spec_of(each.app, s.name)
        for each in chosen
        for s in each.app.services
    }
    defaults = {
        "hosts": tuple(host(name) for name in observed),
        "last_placements": dict.fromkeys(observed, ()),
    }
    empty = World(
        now=NOW,
        desired=DesiredInputs(commit=COMMIT, hosts=()),
        observed=ObservedInputs(hosts=observed),
        specs=SpecInputs(by_service=specs, salt=SALT),
        releases=ReleaseInputs(targets=chosen),
    )
    return with_fields(empty, **{**defaults, **fields})


# by the name of a test's keyword: the part of the world, and the field in it, where the names differ
_RENAMED = {
    "hosts": ("desired", "hosts"),
    "observed": ("observed", "hosts"),
    "host_files": ("observed", "files"),
    "specs": ("specs", "by_service"),
    "former": ("former", "apps"),
}


def with_fields(the_world: World, **fields) -> World:
    """Return a world with other values of some fields, whatever parts they are in."""
    parts = {part.name: getattr(the_world, part.name) for part in dataclasses.fields(the_world)}
    now = fields.pop("now", parts.pop("now"))
    parts["former"] = the_world.desired.former
    places = {
        each.name: (name, each.name) for name, part in parts.items() for each in dataclasses.fields(part)
    }
    for keyword, value in fields.items():
        name, field = (places | _RENAMED)[keyword]
        parts[name] = replace(parts[name], **{field: value})
    parts["desired"] = replace(parts["desired"], former=parts.pop("former"))
    return World(now=now, **parts)


def steps(plan, *kinds):
    """What a plan does, in order: (kind, host, name)."""
    rows = [(a.kind.value, a.host, a.name) for a in plan.actions]
    return [row for row in rows if not kinds or row[0] in kinds]


def kinds(plan) -> list[str]:
    return [action.kind.value for action in plan.actions]


__all__ = ["replace"]


def payloads(plan, of):
    """The payloads of that type among the actions of a plan, in their order."""
    return [action.payload for action in plan.actions if isinstance(action.payload, of)]
