"""The content of a simulated commit as small values: a recipe becomes an `App` directly, or a Compose file.

Both forms have the same recipe: most histories skip YAML for speed, and some use the real loader.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.manifest.syntax.cron_expression import parse_cron
from gitops_orch.model.app import (
    App,
    AppKey,
    Condition,
    Dependency,
    FailureAction,
    FileEntry,
    FileMount,
    Mode,
    Network,
    Order,
    Placement,
    Port,
    Readiness,
    Rollback,
    RolloutPolicy,
    Service,
    UpdatePolicy,
    Volume,
)
from gitops_orch.model.host import Availability, Host
from gitops_orch.model.job import Hook, Schedule
from gitops_orch.model.sensitive.secret import Sensitive

CRON = "*/20 * * * *"
SCHEDULE = Schedule(expression=CRON, fields=parse_cron(CRON))
MONITOR_S = 2.0
HEALTHY_DEADLINE_S = 20.0
VOLUME_TARGET, DIRECTORY_TARGET, FILES_TARGET = "/var/lib/app", "/var/lib/data", "/etc/app"

IMAGES = {
    "good:1": ImageBehaviour(),
    "good:2": ImageBehaviour(),
    "healthy:1": ImageBehaviour(healthcheck=True, healthy_after_s=1),
    "slow:1": ImageBehaviour(healthcheck=True, healthy_after_s=8),
    "late:1": ImageBehaviour(ready_after_s=5),
    "deaf:1": ImageBehaviour(ready_after_s=None),
    "stubborn:1": ImageBehaviour(ignores_term=True),
    "keeper:1": ImageBehaviour(volumes=("/data",)),
    "crash:1": ImageBehaviour(exits_after_s=0.5, exit_code=1),
    "sick:1": ImageBehaviour(healthcheck=True, healthy_after_s=None),
    "broken:1": ImageBehaviour(start_error="executable file not found"),
    "absent:1": ImageBehaviour(pull_error="manifest unknown"),
    "oom:1": ImageBehaviour(exits_after_s=1, exit_code=137, oom_killed=True),
    "job:1": ImageBehaviour(exits_after_s=1),
    "flaky:1": ImageBehaviour(exits_after_s=0.5, exit_code=1, exits_max=2),
}
GOOD = ("good:1", "good:2", "healthy:1", "slow:1", "late:1", "stubborn:1", "keeper:1")
BAD = ("crash:1", "sick:1", "broken:1", "absent:1", "oom:1")
FLAKY = "flaky:1"  # exits until its database answers, and is restarted by its policy
DEAF = "deaf:1"  # fails in a service with a probe, and works in all others


BAD_HOOKS = (("pre_start", "false"), ("post_start", "false"), ("post_start", "sleep 900"))
RARE = ("adopt", "directory", "pull_policy")  # used in some histories only, so that all others stay the same
HOPELESS = {"broken:1", "absent:1"}  # retried without end: they never reach a gate


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecipe:
    """One service."""

    name: str
    image: str = "good:1"
    value: int = 0  # of an environment variable
    replicas: int = 1
    everywhere: bool = False  # mode: global
    job: bool = False
    port: int | None = None
    volume: bool = False
    directory: bool = False  # a relative bind without files in Git
    pull_policy: str = ""
    container_name: bool = False
    restart: str = "unless-stopped"
    memory_mb: int = 0
    order: str | None = None
    needs: str | None = None  # a service that must be healthy first; a job must be completed
    shares: str | None = None  # a service whose network namespace it joins
    second_network: bool = False
    file_version: int = 0  # 0: no file
    spread: bool = False
    per_host: int | None = None
    hooks: tuple[tuple[str, str], ...] = ()  # (key, command): ("pre_start", "true")
    batch: bool = False  # mode: replicated-job
    scheduled: bool = False  # has only scheduled runs
    parallelism: int = 1
    failure_ratio: float = 0.0
    failure_action: str = "rollback"
    probe: bool = False  # it has a readiness probe


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRecipe:
    """One app."""

    name: str
    namespace: str = "default"
    services: tuple[ServiceRecipe, ...]
    hosts: tuple[str, ...] = ()
    zone: str | None = None
    needs: str | None = None  # another app
    rollback: str = "auto"
    surge: int | None = None
    unavailable: int | None = None
    canary: int = 0
    promote: bool = True
    reuses: str | None = None  # another app: it extends a service of that app, and never runs it
    adopt: bool = False  # it adopts the Compose project of its name
    label: int = 0  # changes the digest of the app, and no container

    @property
    def key(self) -> AppKey:
        return AppKey(namespace=self.namespace, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecipe:
    """One host."""

    name: str
    zone: str = "a"
    availability: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRecipe:
    """A whole commit; `broken` names apps whose file does not parse, `unreadable` means that a host file does not."""

    apps: tuple[AppRecipe, ...]
    hosts: tuple[HostRecipe, ...]
    broken: frozenset[str] = frozenset()
    unreadable: bool = False
    message: str = ""
    names: dict[str, AppRecipe] = field(init=False, repr=False, compare=False, default_factory=dict)

    def app(self, name: str) -> AppRecipe | None:
        return next((app for app in self.apps if app.name == name), None)


def is_hopeless(app: AppRecipe) -> bool:
    """Whether the app may be retried without end: it never reaches a gate, or it fails in ways that repeat.

    - A service that never gets ready looks healthy after the history was lost: it counts as stable, and is retried.
    - A failing hook runs with the next start only, perhaps of a release that was stable long before.
    - A failed release that `rollback: off` left in place keeps failing, and counts as new when history is lost.
    """
    return any(
        service.image in HOPELESS
        or _is_deaf(service)
        or any(hook in BAD_HOOKS for hook in service.hooks)
        or ((is_tolerant(service) or app.rollback == "off") and service.image in BAD)
        for service in app.services
    )


def never_ends(service: ServiceRecipe) -> bool:
    """Whether a job's program never exits: its gate fails at its deadline."""
    return (service.job or service.batch) and IMAGES[service.image].exits_after_s is None


def is_probed(service: ServiceRecipe) -> bool:
    return service.probe and not (service.job or service.batch or service.scheduled)


def _is_deaf(service: ServiceRecipe) -> bool:
    return is_probed(service) and service.image == DEAF


def is_tolerant(service: ServiceRecipe) -> bool:
    return service.failure_action == "continue" or service.failure_ratio > 0


@lru_cache(maxsize=20_000)
def digest_of(recipe: AppRecipe) -> str:
    said = asdict(recipe)
    for part in (said, *said["services"]):
        for key in [key for key in RARE if not part.get(key)]:
            part.pop(key, None)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=20_000)
def to_app(recipe: AppRecipe) -> App:
    key = recipe.key
    networks = ["default"] + (["back"] if any(s.second_network for s in recipe.services) else [])
    volumes = [f"{service.name}-data" for service in recipe.services if service.volume]
    jobs = {service.name for service in recipe.services if service.job}
    return App(
        key=key,
        path=f"{recipe.name}/compose.yaml",
        digest=digest_of(recipe),
        services=tuple(_to_service(recipe, service, jobs) for service in recipe.services),
        networks=tuple(Network(key=name, name=f"{key.project}_{name}") for name in networks),
        volumes=tuple(Volume(key=name, name=f"{key.project}_{name}") for name in volumes),
        placement=Placement(
            hosts=recipe.hosts,
            constraints=(f"node.labels.zone == {recipe.zone}",) if recipe.zone else (),
        ),
        depends_on=(AppKey(namespace="default", name=recipe.needs),) if recipe.needs else (),
        rollout=RolloutPolicy(
            healthy_deadline_s=HEALTHY_DEADLINE_S,
            surge_max=recipe.surge,
            unavailable_max=recipe.unavailable,
            canary=recipe.canary,
            auto_promote=recipe.promote,
        ),
        rollback=Rollback(recipe.rollback),
        adopt=recipe.adopt,
    )


def _to_service(app: AppRecipe, recipe: ServiceRecipe, jobs: set[str]) -> Service:
    dependencies = []
    if recipe.needs:
        condition = Condition.COMPLETED if recipe.needs in jobs else Condition.HEALTHY
        dependencies.append(Dependency(service=recipe.needs, condition=condition))
    if recipe.shares:
        dependencies.append(Dependency(service=recipe.shares, restart=True))
    update = UpdatePolicy(
        monitor_s=MONITOR_S,
        order=Order(recipe.order) if recipe.order else None,
        parallelism=recipe.parallelism,
        failure_ratio_max=recipe.failure_ratio,
        failure_action=FailureAction(recipe.failure_action),
    )
    networks = () if recipe.shares else (("default", "back") if recipe.second_network else ("default",))
    return Service(
        name=recipe.name,
        compose=compose_body(app, recipe),
        image=recipe.image,
        mode=_mode(recipe),
        replicas=recipe.replicas,
        placement=Placement(
            replicas_per_host_max=recipe.per_host,
            spread=("node.labels.zone",) if recipe.spread else (),
        ),
        depends_on=tuple(dependencies),
        update=update,
        rollback=update,
        ports=(Port(target=80, published=recipe.port),) if recipe.port else (),
        networks=networks,
        volumes=(f"{recipe.name}-data",) if recipe.volume else (),
        writable=recipe.volume or recipe.directory or follows_git(recipe),
        container_name=container_name(app, recipe),
        files=_files(recipe),
        readiness=Readiness(port=80) if is_probed(recipe) else None,
        job=recipe.job or recipe.scheduled,
        schedule=SCHEDULE if recipe.scheduled else None,
        pre_start=_hooks(recipe, "pre_start"),
        post_start=_hooks(recipe, "post_start"),
        pre_stop=_hooks(recipe, "pre_stop"),
    )


def _hooks(recipe: ServiceRecipe, wanted: str) -> tuple[Hook, ...]:
    return tuple(Hook(command=tuple(command.split())) for key, command in recipe.hooks if key == wanted)


def _mode(recipe: ServiceRecipe) -> Mode:
    if recipe.batch:
        return Mode.REPLICATED_JOB
    return Mode.GLOBAL if recipe.everywhere else Mode.REPLICATED


def container_name(app: AppRecipe, recipe: ServiceRecipe) -> str | None:
    return f"the-{app.name}-{recipe.name}" if recipe.container_name else None


def _files(recipe: ServiceRecipe) -> tuple[FileMount, ...]:
    data = _data_directory(recipe) if recipe.directory else ()
    if not recipe.file_version:
        return data
    content = f"version {recipe.file_version}".encode()
    digest = hashlib.sha256(content).hexdigest()
    entry = FileEntry(path="app.conf", mode=0o644, content=Sensitive(content))
    path = recipe.name if follows_git(recipe) else None
    return (
        FileMount(
            target=FILES_TARGET,
            entries=(entry,),
            directory=True,
            secret=False,
            digest=digest,
            writable_path=path,
        ),
        *data,
    )


def _data_directory(recipe: ServiceRecipe) -> tuple[FileMount, ...]:
    return (
        FileMount(
            target=DIRECTORY_TARGET,
            entries=(),
            directory=True,
            secret=False,
            writable_path=data_directory(recipe),
        ),
    )


def data_directory(recipe: ServiceRecipe) -> str:
    """The data directory of a service with a directory, relative to its Compose file."""
    return f"{recipe.name}-files"


def follows_git(recipe: ServiceRecipe) -> bool:
    """Whether its files are mounted without `:ro`, so that they follow Git."""
    return recipe.file_version > 0 and recipe.name == "web"


def file_digest(recipe: ServiceRecipe) -> str:
    return hashlib.sha256(f"version {recipe.file_version}".encode()).hexdigest()


def compose_body(app: AppRecipe, recipe: ServiceRecipe) -> dict:
    """The service as `docker compose config` would print it, without files from Git."""
    body: dict = {
        "stop_grace_period": "3s",
        "image": recipe.image,
        "command": None,
        "entrypoint": None,
        "environment": {"VALUE": str(recipe.value)},
    }
    if recipe.shares:
        body["network_mode"] = f"service:{recipe.shares}"
    else:
        body["networks"] = {"default": None} | ({"back": None} if recipe.second_network else {})
    if not recipe.job and not recipe.scheduled:
        body["restart"] = recipe.restart
    if recipe.port:
        body["ports"] = [{"mode": "ingress", "target": 80, "published": str(recipe.port), "protocol": "tcp"}]
    if recipe.volume:
        body["volumes"] = [
            {"type": "volume", "source": f"{recipe.name}-data", "target": VOLUME_TARGET, "volume": {}}
        ]
    if recipe.pull_policy:
        body["pull_policy"] = recipe.pull_policy
    if recipe.memory_mb:
        body["mem_limit"] = str(recipe.memory_mb * 1024 * 1024)
    if recipe.container_name:
        body["container_name"] = container_name(app, recipe)
    return body


def to_hosts(recipe: TreeRecipe) -> tuple[Host, ...]:
    return tuple(
        Host(
            name=host.name,
            url=f"sim://{host.name}",
            labels={"zone": host.zone},
            availability=Availability(host.availability),
        )
        for host in recipe.hosts
    )


def exclusive(app: AppRecipe, service: ServiceRecipe, container: SimulatedContainer) -> bool:
    """Whether two of its containers cannot run at the same time, so that the old one must stop first."""
    return bool(
        service.port
        or container.ports
        or follows_git(service)
        or service.directory
        or any(mount.kind == "bind" and mount.writable for mount in container.mounts)
        or service.container_name
        or service.volume
        or service.order == "stop-first"
        or (app.surge == 0 and service.order is None)
        or container.volumes
        or service.image == "keeper:1"
    )
