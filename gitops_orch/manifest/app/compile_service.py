"""Compiles one resolved service of a Compose file to the value that planner and engine use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitops_orch.manifest.app.jobs import read_hooks
from gitops_orch.manifest.app.mounted_files import ContentReader, live_mount
from gitops_orch.manifest.app.policy import KEY, read_service_policy
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.repository.git_files import is_relative
from gitops_orch.manifest.syntax.duration import parse_duration
from gitops_orch.model.app import (
    Condition,
    Dependency,
    FailureAction,
    FileMount,
    Mode,
    Order,
    Placement,
    Port,
    Service,
    UpdatePolicy,
)
from gitops_orch.model.rules.data_mounts import holds_data

# Keys that never affect a container
NOT_RECONCILED = tuple(name for name, key in SERVICE_KEYS.items() if key.refused is not None)
_FROM_GIT = ("configs", "secrets")
_JOB_MODES = (Mode.REPLICATED_JOB, Mode.GLOBAL_JOB)
_MODES = tuple(mode.value for mode in Mode)
_ORDERS = tuple(order.value for order in Order)
_ACTIONS = tuple(action.value for action in FailureAction)
_RESTARTS = ("no", "always", "unless-stopped", "on-failure")
_CONDITIONS = ("none", "any")
_GLOBAL_MODES = (Mode.GLOBAL, Mode.GLOBAL_JOB)


def compile_service(
    name: str, model: Mapping[str, Any], raw_policy: object, reader: ContentReader, *, awaited: bool
) -> Service:
    """Return the service of that name of a resolved file; `awaited` means that others wait for it to complete."""
    body: Mapping[str, Any] = model["services"][name]
    deploy: Mapping[str, Any] = body.get("deploy") or {}
    mode = Mode(deploy.get("mode") or "replicated")
    files, volumes = _split_volumes(name, body, reader)
    files += _objects(name, model, reader)
    policy = read_service_policy(name, raw_policy, reader.findings)
    if policy.reload:
        files = _reloadable(name, body, files, volumes, reader.findings)
    # A rollback uses the settings of an update, except for those in rollback_config.
    update = _policy(name, deploy, "update_config", UpdatePolicy(), reader.findings)
    return Service(
        name=name,
        compose=_container_part(name, body, volumes, reader),
        image=str(body.get("image") or ""),
        mode=mode,
        replicas=1 if mode in _GLOBAL_MODES else replica_count(body),
        placement=_placement(deploy.get("placement") or {}),
        depends_on=tuple(_dependencies(body)),
        update=update,
        rollback=_policy(name, deploy, "rollback_config", update, reader.findings),
        ports=tuple(_ports(body)),
        networks=tuple(body.get("networks") or ()) if not body.get("network_mode") else (),
        volumes=tuple(dict.fromkeys(_named_volumes(volumes))),
        writable=any(map(is_data, volumes)) or any(file.writable_path is not None for file in files),
        container_name=body.get("container_name"),
        files=tuple(files),
        stateful=policy.stateful,
        reload=policy.reload,
        readiness=policy.readiness,
        job=mode in _JOB_MODES or policy.job.schedule is not None or (awaited and _ends(body)),
        job_deadline_s=policy.job.deadline_s,
        schedule=policy.job.schedule,
        pre_start=read_hooks("pre_start", name, body, reader.variables, reader.findings),
        post_start=read_hooks("post_start", name, body, reader.variables, reader.findings),
        pre_stop=read_hooks("pre_stop", name, body, reader.variables, reader.findings),
        position=reader.findings.place(("services", name)),
    )


def replica_count(body: Mapping[str, Any]) -> int:
    """Return how many containers a replicated service declares."""
    replicas = (body.get("deploy") or {}).get("replicas")
    count = replicas if replicas is not None else body.get("scale")
    return 1 if count is None else int(count)


def is_data(volume: Mapping[str, Any]) -> bool:
    """Return whether a container can leave data in a volume of the long form."""
    source = str(volume.get("source") or "")
    return not volume.get("read_only") and holds_data(str(volume.get("type")), source)


def published_port(text: object) -> int | None:
    """Return the fixed host port; None where the Engine chooses, from a range or freely."""
    return int(str(text)) if text and str(text).isdecimal() else None


def _container_part(
    name: str, body: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]], reader: ContentReader
) -> Mapping[str, Any]:
    dropped = (*NOT_RECONCILED, *_FROM_GIT, "volumes")
    kept = {key: value for key, value in body.items() if key not in dropped}
    if volumes:
        kept["volumes"] = list(volumes)
    if body.get("security_opt"):
        where = ("services", name, "security_opt")
        kept["security_opt"] = reader.inline_profiles(body["security_opt"], where)
    return kept


def _split_volumes(
    name: str, body: Mapping[str, Any], reader: ContentReader
) -> tuple[list[FileMount], list[Mapping[str, Any]]]:
    """Separate the mounts of files from Git from the volumes and paths of the host."""
    files: list[FileMount] = []
    volumes: list[Mapping[str, Any]] = []
    for index, volume in enumerate(body.get("volumes") or ()):
        if volume.get("type") != "bind" or not is_relative(str(volume.get("source", ""))):
            volumes.append(volume)
            continue
        mount = reader.mount_bind(volume, ("services", name, "volumes", index))
        files += [mount] if mount else []
    return files, volumes


def _objects(name: str, model: Mapping[str, Any], reader: ContentReader) -> list[FileMount]:
    mounts: list[FileMount] = []
    for kind in _FROM_GIT:
        for index, reference in enumerate(model["services"][name].get(kind) or ()):
            where = ("services", name, kind, index)
            mount = reader.mount_object(kind, reference, model, where)
            if mount is not None:
                mounts.append(mount)
    return mounts


def _reloadable(
    name: str,
    body: Mapping[str, Any],
    files: list[FileMount],
    volumes: Sequence[Mapping[str, Any]],
    findings: Findings,
) -> list[FileMount]:
    """Return the files, with each file mount live where possible.

    A single file needs a link in the container, which not every container can have.
    """
    tmpfs = [str(entry).partition(":")[0] for entry in body.get("tmpfs") or ()]
    others = [str(volume.get("target")) for volume in volumes] + tmpfs
    covers = {place.rstrip("/") for place in (*others, *(each.target for each in files if each.directory))}
    lengths = sorted(set(map(len, covers)))
    created: list[FileMount] = []
    for mount in files:
        covered = body.get("read_only") or any(
            mount.target[length : length + 1] == "/" and mount.target[:length] in covers for length in lengths
        )
        if mount.writable_path is not None:
            created.append(live_mount(name, mount) if mount.follows_git and mount.directory else mount)
            if mount.follows_git and not mount.directory:
                findings.warn(
                    ("services", name, KEY, "reload"),
                    f"a change of {mount.target} recreates the container, because a single file that is mounted "
                    "writable cannot be changed under it; mount its directory instead, or add `:ro`",
                )
        elif mount.directory or not covered:
            created.append(live_mount(name, mount))
        else:
            created.append(mount)
            where = "the container is read-only" if body.get("read_only") else "another mount covers it"
            findings.warn(
                ("services", name, KEY, "reload"),
                f"a change of {mount.target} recreates the container, because {where}; mount its directory instead",
            )
    return created


def _named_volumes(volumes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (str(v["source"]) for v in volumes if v.get("type") == "volume" and v.get("source"))


def _placement(raw: Mapping[str, Any]) -> Placement:
    preferences = raw.get("preferences") or ()
    limit = raw.get("max_replicas_per_node")
    return Placement(
        constraints=tuple(raw.get("constraints") or ()),
        spread=tuple(str(item["spread"]) for item in preferences if item.get("spread")),
        replicas_per_host_max=int(limit) if limit else None,  # 0 means no limit in Swarm
    )


def _dependencies(body: Mapping[str, Any]) -> Iterator[Dependency]:
    for service, edge in sorted((body.get("depends_on") or {}).items()):
        yield Dependency(
            service=service,
            condition=Condition(edge.get("condition") or "service_started"),
            restart=bool(edge.get("restart", False)),
            required=bool(edge.get("required", True)),
        )


def _policy(
    name: str, deploy: Mapping[str, Any], part: str, default: UpdatePolicy, findings: Findings
) -> UpdatePolicy:
    """Return how containers are replaced; `default` where the file has no such part.

    Compose omits `monitor: 0s` from its model, as if the key were missing; here it means no time at all.
    """
    raw: Mapping[str, Any] | None = deploy.get(part)
    if raw is None:
        return default
    at_once = findings.has_value(("services", name, "deploy", part, "monitor"))
    order = raw.get("order")
    action = raw.get("failure_action")
    return UpdatePolicy(
        parallelism=int(raw.get("parallelism", default.parallelism)),
        delay_s=_seconds(raw.get("delay"), default.delay_s),
        monitor_s=_seconds(raw.get("monitor"), 0.0 if at_once else default.monitor_s),
        order=Order(order) if order else default.order,
        failure_action=FailureAction(action) if action else default.failure_action,
        failure_ratio_max=float(raw.get("max_failure_ratio", default.failure_ratio_max)),
    )


def _ports(body: Mapping[str, Any]) -> Iterator[Port]:
    for port in body.get("ports") or ():
        yield Port(
            target=int(port["target"]),
            published=published_port(port.get("published")),
            host_ip=str(port.get("host_ip") or ""),
            protocol=str(port.get("protocol") or "tcp"),
        )


def _ends(body: Mapping[str, Any]) -> bool:
    """Return whether an exited container is not restarted: only then can it be a one-shot job."""
    policy = (body.get("deploy") or {}).get("restart_policy") or {}
    condition = policy.get("condition")
    if condition is not None:
        return condition in ("none", "on-failure")
    return str(body.get("restart") or "no").partition(":")[0] in ("no", "on-failure")


def _seconds(text: object, default: float) -> float:
    seconds = parse_duration(str(text)) if text is not None else None
    return default if seconds is None else seconds


def check_words(name: str, body: Mapping[str, Any], findings: Findings) -> None:
    """Add mistakes in values that Compose passes on unread, and that gitops-orch interprets."""
    deploy: Mapping[str, Any] = body.get("deploy") or {}
    _check_word(
        ("services", name, "restart"), str(body.get("restart") or "").partition(":")[0], _RESTARTS, findings
    )
    if not deploy:
        return
    restarts: Mapping[str, Any] = deploy.get("restart_policy") or {}
    where = ("services", name, "deploy", "restart_policy")
    _check_word((*where, "condition"), restarts.get("condition"), (*_CONDITIONS, *_RESTARTS), findings)
    if restarts.get("max_attempts") and restarts.get("condition") not in (None, "", "on-failure"):
        findings.error(
            (*where, "max_attempts"),
            f"no Engine counts attempts with the condition {restarts['condition']}; write on-failure, or remove it",
        )
    base = ("services", name, "deploy")
    _check_word((*base, "mode"), deploy.get("mode"), _MODES, findings)
    for part in ("update_config", "rollback_config"):
        policy: Mapping[str, Any] = deploy.get(part) or {}
        _check_word((*base, part, "order"), policy.get("order"), _ORDERS, findings)
        _check_word((*base, part, "failure_action"), policy.get("failure_action"), _ACTIONS, findings)


def _check_word(where: tuple[str, ...], value: object, known: tuple[str, ...], findings: Findings) -> None:
    if value and value not in known:
        findings.error(where, f"must be one of {', '.join(known)}, is {value!r}")
