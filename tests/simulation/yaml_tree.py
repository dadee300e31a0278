"""Writes recipes as files of a configuration repository, so that histories can use the real loader."""

import hashlib
import json

from simulation.recipes import (
    CRON,
    DIRECTORY_TARGET,
    FILES_TARGET,
    HEALTHY_DEADLINE_S,
    MONITOR_S,
    VOLUME_TARGET,
    AppRecipe,
    HostRecipe,
    ServiceRecipe,
    TreeRecipe,
    container_name,
    data_directory,
    follows_git,
    is_probed,
)

from gitops_orch.model.tree import Tree, TreeFile

UNREADABLE = "kind: [\n"
BROKEN = (UNREADABLE, "- a list\n", "text\n", "{}\n", "null\n", "services: {a: {imag: x}}\n")  # one by one


def directory_of(app: str) -> str:
    """The directory of an app's file; it has another name, so that it does not identify the app of a broken file."""
    return f"in-{app}"


def app_in(path: str) -> str:
    """The name of the app to whose directory a path belongs."""
    return path.partition("/")[0].removeprefix("in-")


def to_tree(commit: str, recipe: TreeRecipe, *, allow_empty: bool) -> Tree:
    """The commit's files; they are written as JSON, because every JSON text is YAML."""
    files = {"gitops.yaml": _document("Fleet", "simulated", {"prune": {"allow_empty": allow_empty}})}
    for host in recipe.hosts:
        files[f"hosts/{host.name}.yaml"] = _host(host)
    if recipe.unreadable:
        files["hosts/unreadable.yaml"] = UNREADABLE
    for app in recipe.apps:
        place = directory_of(app.name)
        if app.name in recipe.broken:
            files[f"{place}/compose.yaml"] = BROKEN[int(commit[:6], 16) % len(BROKEN)]
        else:
            files[f"{place}/compose.yaml"] = json.dumps(compose_file(app, _reused(app, recipe)), indent=1)
        for service in app.services:
            if service.file_version:
                files[f"{place}/{service.name}/app.conf"] = f"version {service.file_version}"
    blobs = {path: text.encode() for path, text in files.items()}
    return Tree(
        commit=commit,
        files={path: _entry(path, content) for path, content in blobs.items()},
        read=blobs.__getitem__,
        refused={},
        name="simulated",
    )


def _reused(app: AppRecipe, recipe: TreeRecipe) -> AppRecipe | None:
    return recipe.app(app.reuses) if app.reuses and app.reuses not in recipe.broken else None


def compose_file(app: AppRecipe, reused: AppRecipe | None = None) -> dict:
    """The Compose file of an app, as a person would write it; a service reused from another app is never active."""
    rules: dict = {
        "rollout": _rollout(app),
        "rollback": app.rollback,
        "placement": {},
    }
    if app.hosts:
        rules["placement"]["hosts"] = list(app.hosts)
    if app.zone:
        rules["placement"]["constraints"] = [f"node.labels.zone == {app.zone}"]
    if app.adopt:
        rules["adopt"] = True
    if app.needs:
        rules["depends_on"] = [app.needs]
    file: dict = {
        "name": app.name,
        "services": {service.name: _service(app, service) for service in app.services},
        "x-gitops": rules,
    }
    if reused is not None:
        base = {"file": f"../{directory_of(reused.name)}/compose.yaml", "service": reused.services[0].name}
        file["services"]["spare"] = {"profiles": ["never"], "extends": base}
    if any(service.second_network for service in app.services):
        file["networks"] = {"back": {}}
    volumes = [f"{service.name}-data" for service in app.services if service.volume]
    if volumes:
        file["volumes"] = {name: {} for name in volumes}
    file["x-label"] = app.label
    return file


def _rollout(app: AppRecipe) -> dict:
    rules: dict = {"healthy_deadline": f"{HEALTHY_DEADLINE_S:g}s", "canary": app.canary}
    rules["auto_promote"] = app.promote
    limits = {"max_surge": app.surge, "max_unavailable": app.unavailable}
    return rules | {key: value for key, value in limits.items() if value is not None}


def _service(app: AppRecipe, recipe: ServiceRecipe) -> dict:
    body = {
        "image": recipe.image,
        "pull_policy": recipe.pull_policy,
        "environment": {"VALUE": str(recipe.value)},
        "deploy": _deploy(recipe),
        "stop_grace_period": "3s",
        "network_mode": f"service:{recipe.shares}" if recipe.shares else None,
        "networks": ["default", "back"] if recipe.second_network and not recipe.shares else None,
        "restart": None if recipe.job or recipe.scheduled else recipe.restart,
        "ports": [f"{recipe.port}:80"] if recipe.port else None,
        "mem_limit": f"{recipe.memory_mb}m" if recipe.memory_mb else None,
        "container_name": container_name(app, recipe),
        "volumes": _volumes(recipe),
        "depends_on": _depends_on(app, recipe),
        "x-gitops": _rules(recipe),
        **{key: _hooks(recipe, key) for key in ("pre_start", "post_start", "pre_stop")},
    }
    return {key: value for key, value in body.items() if value}


def _hooks(recipe: ServiceRecipe, wanted: str) -> list[dict]:
    return [{"command": command.split()} for key, command in recipe.hooks if key == wanted]


def _rules(recipe: ServiceRecipe) -> dict:
    job = {"job": {"schedule": CRON}} if recipe.scheduled else {}
    return job | ({"readiness": {"tcp": {"port": 80}}} if is_probed(recipe) else {})


def _deploy(recipe: ServiceRecipe) -> dict:
    size = {"mode": "global"} if recipe.everywhere else {"replicas": recipe.replicas}
    placement = {"placement": {"preferences": [{"spread": "node.labels.zone"}]}} if recipe.spread else {}
    update: dict = {
        "monitor": f"{MONITOR_S:g}s",
        "parallelism": recipe.parallelism,
        "max_failure_ratio": recipe.failure_ratio,
        "failure_action": recipe.failure_action,
    }
    update |= {"order": recipe.order} if recipe.order else {}
    mode = {"mode": "replicated-job"} if recipe.batch else {}
    return {"update_config": update, **size, **mode, **placement}


def _volumes(recipe: ServiceRecipe) -> list[str]:
    data = [f"{recipe.name}-data:{VOLUME_TARGET}"] if recipe.volume else []
    data += [f"./{data_directory(recipe)}:{DIRECTORY_TARGET}"] if recipe.directory else []
    return data + (
        [f"./{recipe.name}:{FILES_TARGET}{'' if follows_git(recipe) else ':ro'}"]
        if recipe.file_version
        else []
    )


def _depends_on(app: AppRecipe, recipe: ServiceRecipe) -> dict:
    if not recipe.needs:
        return {}
    jobs = {service.name for service in app.services if service.job}
    done = "service_completed_successfully" if recipe.needs in jobs else "service_healthy"
    return {recipe.needs: {"condition": done}}


def _host(host: HostRecipe) -> str:
    spec = {"url": f"sim://{host.name}", "availability": host.availability}
    return _document("Host", host.name, spec, labels={"zone": host.zone})


def _document(kind: str, name: str, spec: dict, **metadata: dict) -> str:
    head = {"apiVersion": "gitops-orch/v1", "kind": kind, "metadata": {"name": name, **metadata}}
    return json.dumps(head | {"spec": spec}, indent=1)


def _entry(path: str, content: bytes) -> TreeFile:
    return TreeFile(path=path, blob=hashlib.sha1(content).hexdigest(), mode=0o644, size_bytes=len(content))
