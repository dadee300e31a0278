"""Plans `pre_start`: containers that run to completion before a new container of their service is started.

A hook runs once for the service, or once per host for a global service (`shared_hooks.py`), or with `per_replica: true`
before each new container. Its container is like the service's own, except for its command, its image, and what must not
exist twice: names, ports, addresses, labels that other tools act on. It has a service name of its own. If it fails, the
release fails before any serving container was stopped, and the failed container is kept for inspection. The others are
removed after the start that they prepared, so that until then they show that they have run.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from gitops_orch.model.app import AppKey, Json, Mode, Service
from gitops_orch.model.container import FAILED_SUFFIX, has_suffix, is_retained
from gitops_orch.model.job import Hook
from gitops_orch.model.names import container_name, pre_start_name, prepared_service
from gitops_orch.model.observed import LIVE_STATES, ObservedContainer, OwnedContainer, State
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.plan.kinds import KINDS, Create, Kind, Payload, Pull, Remove, RunJob
from gitops_orch.model.plan.values import ContainerIntent, Gate
from gitops_orch.model.rules.data_mounts import parse_mounts
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.pre_start_keys import NOT_COPIED
from gitops_orch.planner.diff.classify import is_failed
from gitops_orch.planner.diff.shared_namespaces import namespace_parents, shares_namespace
from gitops_orch.planner.hooks.insert_hooks import ActionContext, command_reason
from gitops_orch.planner.hooks.shared_hooks import first_start, shared_on, was_prepared
from gitops_orch.planner.inputs.container_exit import has_completed
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import remove_container, stop_container
from gitops_orch.planner.removal.retain import StopRequest, retain
from gitops_orch.planner.resources.pulls import PullReason, platform_of

_ADDRESSES = frozenset({"aliases", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address"})


def pre_start_services(service: Service) -> tuple[Service, ...]:
    """Return the hooks of a service in order, each as a service of its own."""
    return tuple(_service(service, number, hook) for number, hook in enumerate(service.pre_start, 1))


def _service(service: Service, number: int, hook: Hook) -> Service:
    return replace(
        service,
        name=pre_start_name(service.name, number),
        compose=_body(service.compose, hook),
        image=hook.image or service.image,
        mode=Mode.REPLICATED,
        replicas=1,
        depends_on=(),
        ports=(),
        container_name=None,
        readiness=None,
        job=True,
        pre_start=(),
        post_start=(),
        pre_stop=(),
    )


def _body(compose: Mapping[str, Json], hook: Hook) -> Mapping[str, Json]:
    """Return the Compose body of a hook: the service's, overridden by the hook's keys.

    As with a service, the command is given to the image's entrypoint. The service's own entrypoint does not suit
    another image.
    """
    body: dict[str, Json] = {key: value for key, value in compose.items() if key not in NOT_COPIED}
    deploy, environment, networks = (compose.get(key) for key in ("deploy", "environment", "networks"))
    if isinstance(deploy, Mapping) and deploy.get("resources"):
        body["deploy"] = {"resources": deploy["resources"]}
    if isinstance(networks, Mapping):
        body["networks"] = {key: _network(value) for key, value in networks.items()}
    own = dict(entry.split("=", 1) for entry in hook.environment)
    body["environment"] = {**(environment if isinstance(environment, Mapping) else {}), **own}
    body |= {"healthcheck": {"disable": True}, "command": list(hook.command) or None}
    if hook.image:
        body |= {"image": hook.image, "entrypoint": None}
    for key, value in (("user", hook.user), ("working_dir", hook.working_dir)):
        body |= {key: value} if value else {}
    return body | ({"privileged": True} if hook.privileged else {})


def _network(value: Json) -> Json:
    if not isinstance(value, Mapping):
        return value
    return {key: each for key, each in value.items() if key not in _ADDRESSES}


def add_pre_starts(draft: PlanBuilder, world: World, index: Index) -> None:
    """Add the `pre_start` steps of a draft's starts, and remove containers that earlier hooks left."""
    if not index.pre_starts and not any(
        s.pre_start for each in world.releases.targets for s in each.app.services
    ):
        return
    preparer = _Preparer(draft, world, index)
    preparer.prepare_all()
    preparer.clear()


class _Preparer:
    def __init__(self, draft: PlanBuilder, world: World, index: Index) -> None:
        self._draft = draft
        self._world = world
        self._index = index
        self._context = ActionContext(draft.actions, world, index)
        self._by_id = {action.id: action for action in draft.actions}
        self._creates = {(a.host, a.target): a for a in draft.actions if a.kind is Kind.CREATE}
        self._used: set[str] = set()  # ids of existing containers that a start uses

    def prepare_all(self) -> None:
        """Add the hooks before the first starts of new containers, service by service."""
        starts: dict[tuple[AppKey | None, str | None, str], list[Action]] = defaultdict(list)
        for action in self._draft.actions:
            service = self._context.service(action) if KINDS[action.kind].starts else None
            if service is not None and service.pre_start and self._is_first(action):
                starts[action.app, action.service, shared_on(service, action.host)].append(action)
        for group in starts.values():
            self._prepare_service(group)
        self._draft.actions = [self._by_id[action.id] for action in self._draft.actions]

    def _prepare_service(self, starts: list[Action]) -> None:
        """Add the hooks before the starts of one service, or of its part on one host if each host is prepared.

        A hook that runs once runs before the first start, and all starts wait for it.
        """
        first = first_start(starts, self._by_id)
        service, chosen = self._context.service(first), self._context.chosen(first)
        if service is None or chosen is None:
            return
        runs_shared = not self._is_prepared(chosen, service, starts)
        shared: dict[str, tuple[str, ...]] = {}
        for start in (first, *(each for each in starts if each is not first)):
            held_up = self._delayed(start)
            last = tuple(each for each in start.after if each not in held_up)
            for hook, each in zip(service.pre_start, pre_start_services(service), strict=True):
                if hook.per_replica or (runs_shared and start is first):
                    last = self._run(start, chosen, each, hook, last)
                    shared[each.name] = () if hook.per_replica else last
                else:
                    last = (*last, *shared.get(each.name, ()))
            self._delay(start, held_up, last)

    def _is_prepared(self, chosen: TargetRelease, service: Service, starts: list[Action]) -> bool:
        """Return whether the once-only hooks already prepared a container that stays, for the service or this host."""
        host = shared_on(service, starts[0].host)
        staying = [
            found
            for found in self._index.apps.get(chosen.app.key, ())
            if self._draft.ledger.end_of(found.host, found.id) is None and host in {"", found.host}
        ]
        created = (self._creates.get((start.host, start.target)) for start in starts)
        intents = [intent_of(each) for each in created if each is not None]
        images = {each.image_digest for each in intents if each is not None}
        spec = self._world.specs.of(chosen.app, service.name).hash
        return any(was_prepared(each, service.name, spec, images) for each in staying)

    def _delay(self, start: Action, held_up: tuple[str, ...], last: tuple[str, ...]) -> None:
        for identity in held_up:
            held = self._by_id[identity]
            self._by_id[identity] = replace(held, after=(*held.after, *last))
        self._by_id[start.id] = replace(start, after=(*last, *held_up))

    def _is_first(self, start: Action) -> bool:
        container = self._context.container(start)
        return container is None or container.state is State.CREATED

    def _delayed(self, start: Action) -> tuple[str, ...]:
        """Return the stops of serving containers that a start waits for; not the stops of failed ones that are kept."""
        steps = [self._by_id[each] for each in start.after if each in self._by_id]
        before_others = {each for step in steps for each in step.after}
        return tuple(
            step.id
            for step in steps
            if step.kind is Kind.STOP and step.app == start.app and step.id not in before_others
        )

    def _run(
        self, start: Action, chosen: TargetRelease, service: Service, hook: Hook, after: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Add the steps of one hook, and return the steps that the next one waits for."""
        reason = command_reason("pre_start", hook)
        intent = self._intent(start, chosen, service, hook)
        there = self._there(start, intent)
        if there is None:
            target = name = intent.name
            after = (*after, *self._pull(start, intent))
            created = self._add(start, Create(intent), target, reason, after=after)
            self._draft.ledger.needs_name(start.host, name, created)
            after = (created,)
        else:
            self._used.add(there.id)
            target, name = there.id, there.name
            if has_completed(there):
                self._remove(start, target, name)
                return after
        gate = Gate(monitor_s=0.0, deadline_s=chosen.app.rollout.step_deadline_s, completes=True)
        job = RunJob(gate=gate, hook=hook)
        ran = self._add(start, job, target, reason, after=after, name=name)
        self._remove(start, target, name)
        return (ran,)

    def _remove(self, start: Action, target: str, name: str) -> None:
        """Remove a hook's container after the start that it prepared, so that no later run repeats the hook."""
        reason = "what it prepared has been started"
        removed = self._add(start, Remove(), target, reason, after=(start.id,), name=name)
        self._draft.ledger.removes_container(start.host, target, removed)

    def _add(
        self,
        start: Action,
        payload: Payload,
        target: str,
        reason: str,
        *,
        after: tuple[str, ...],
        name: str = "",
    ) -> str:
        """Add a step that prepares a start. It inherits all other fields of the start, so the same conditions apply."""
        identity = f"{payload.kind}/{start.host}/{target}"
        created = replace(
            start,
            id=identity,
            payload=payload,
            target=target,
            reason=reason,
            name=name or target,
            changes=(),
            after=after,
        )
        self._by_id[identity] = created
        self._draft.actions.append(created)
        return identity

    def _intent(self, start: Action, chosen: TargetRelease, service: Service, hook: Hook) -> ContainerIntent:
        create, container = self._creates.get((start.host, start.target)), self._context.container(start)
        main = intent_of(create) if create is not None else None
        if hook.image:
            image, image_id = (
                hook.image,
                self._index.hosts[start.host].image_ids.get(normalise(hook.image), ""),
            )
        elif main is not None:
            image, image_id = main.image, main.image_digest
        else:
            image = service.image
            image_id = container.image_id if container is not None else ""
        spec = self._world.specs.of(chosen.app, service.name)
        slot = (start.slot or 1) if hook.per_replica else 1
        return ContainerIntent(
            app=chosen.app,
            service=service,
            slot=slot,
            name=container_name(chosen.app.key.project, service.name, slot, spec.hash, image_id),
            commit=chosen.commit,
            spec_hash=spec.hash,
            salt=self._world.specs.salt,
            image=image,
            image_digest=image_id,
            kept_mounts=main.kept_mounts
            if main is not None
            else parse_mounts(container.labels if container is not None else {}),
            peers=main.peers if main is not None else self._peers(start, chosen, service),
        )

    def _peers(self, start: Action, chosen: TargetRelease, service: Service) -> dict[str, str]:
        """Return the containers whose namespaces a hook shares with an existing container of its service."""
        parents = namespace_parents(service)
        there = {
            found.owner.service: found.id
            for found in sorted(self._index.apps.get(chosen.app.key, ()), key=_is_up)
            if found.host == start.host and not is_retained(found)
        }
        created = {
            action.service: action.target
            for action in self._creates.values()
            if action.app == start.app and action.host == start.host and action.service is not None
        }
        return {name: target for name, target in {**there, **created}.items() if name in parents}

    def _pull(self, start: Action, intent: ContainerIntent) -> tuple[str, ...]:
        """Pull the hook's own image; the service's image is pulled for the service's container."""
        identity = f"{Kind.PULL.value}/{start.host}/{intent.image}"
        if intent.image_digest or identity in self._by_id:
            return (identity,) if identity in self._by_id else ()
        reason = f"{intent.service.name} needs it, and {PullReason.ABSENT.value}"
        pull = Pull(image=intent.image, platform=platform_of(intent.service))
        return (self._add(start, pull, intent.image, reason, after=()),)

    def _there(self, start: Action, intent: ContainerIntent) -> ObservedContainer | None:
        """Return the hook's container of an interrupted run; a container that was paused is created again."""
        for found in self._index.pre_starts.get(intent.app.key, ()):
            owner = found.owner
            if (
                found.host == start.host
                and (owner.service, owner.slot) == (intent.service.name, intent.slot)
                and owner.spec_hash == intent.spec_hash
                and found.image_id == (intent.image_digest or found.image_id)
                and not has_suffix(found, FAILED_SUFFIX)
                and found.state is not State.PAUSED
                and _shares_namespace(intent, found)
            ):
                return found
        return None

    def clear(self) -> None:
        """Remove hook containers that are no longer used, and keep the failed ones for inspection."""
        chosen = {each.app.key: each for each in self._world.releases.targets}
        for key in sorted(self._draft.planned):
            failed = self._world.releases.failed.get(key, {})
            for found in self._index.pre_starts.get(key, ()):
                if found.id in self._used:
                    continue
                failed_before = is_failed(chosen[key], found, failed) and not has_completed(found)
                last = (
                    self._retain(found, failed[found.owner.release])
                    if failed_before
                    else self._remove_container(found)
                )
                if found.state in LIVE_STATES and last:
                    self._hold(found.host, key, found.owner.service, last)

    def _retain(self, found: OwnedContainer, why: str) -> str | None:
        how = StopRequest(reason=f"its release failed ({why})")
        steps = retain(self._draft, self._index.hosts[found.host], found, FAILED_SUFFIX, how).steps
        return steps[-1] if steps else None

    def _remove_container(self, found: OwnedContainer) -> str | None:
        """Add the steps; return the id of the stop, None if the container does not run."""
        reason = "nothing waits for it any more"
        stopped = stop_container(self._draft, found, reason, ())
        remove_container(self._draft, found, reason, () if stopped is None else (stopped,))
        return stopped

    def _hold(self, host: str, app: AppKey, prepares: str, stopped: str) -> None:
        """Let the starts of a service wait until an outdated hook that still works on its data has stopped."""
        for action in self._draft.actions:
            mine = action.host == host and action.app == app and KINDS[action.kind].starts
            if mine and prepared_service(action.service or "") == prepared_service(prepares):
                self._draft.waits(action.id, stopped)


def _is_up(found: OwnedContainer) -> bool:
    return found.state is State.RUNNING


def _shares_namespace(intent: ContainerIntent, container: ObservedContainer) -> bool:
    """Return whether a container shares the wanted namespaces.

    One that shares a namespace with a container that no longer exists can never be started.
    """
    joined = container.details.joined if container.details is not None else ()
    return all(
        peer in joined for name, peer in intent.peers.items() if shares_namespace(intent.service, name)
    )
