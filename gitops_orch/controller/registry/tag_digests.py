"""Finds out, through the Engine of a host, whether a tag names another digest in its registry than before.

Note [A tag that was pushed again]
With `pull_policy: always` (or `sync --pull`, for all services) a service should run the digest that its registry has.
The registry is asked at each resync and `sync`; a timed policy asks at most once in its period. A registry that does
not answer changes nothing. A pull counts as an answer as well: the tag names the image that was pulled.

Note [A bad image under a good tag]
A release that was stable cannot be quarantined for an image that was pushed later under its tag. So the digest of that
image is quarantined, in history, and the service goes back to the image that it ran before. Another digest under the
tag is tried as usual.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.observe.observe_hosts import Engines
from gitops_orch.controller.registry.tag_history import (
    Checked,
    TagRecords,
    read_tag_records,
    tag_records_text,
)
from gitops_orch.controller.releases.running_releases import image_pins
from gitops_orch.controller.workers import Workers
from gitops_orch.errors import GitopsOrchError
from gitops_orch.history.history import History
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.observed import Observation, ObservedHost
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.image_reference import split_reference
from gitops_orch.model.rules.pull_policy import PullMode, PullPolicy, parse_pull_policy
from gitops_orch.model.status import ActionResult, FailureKind, Outcome
from gitops_orch.planner.inputs.world import Role, TagState, TargetRelease, World

DEADLINE_S = 15.0
REGISTRY_SILENT = "registry.silent"
REGISTRY_ANSWERS = "registry.answers"
DIGEST_QUARANTINED = "image.quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCheck:
    """The tags that a run checks, besides those that are due."""

    now: bool = False  # True: tags that are checked at each resync are checked at once
    everything: bool = False  # True: tags of all services are checked, whatever their policy


class Tags:
    """The digests that tags name in their registries."""

    def __init__(
        self, engines: Engines, workers: Workers, clock: Clock, history: History, *, check_s: float
    ) -> None:
        self.request = TagCheck()  # of the present run
        self._engines = engines
        self._workers = workers
        self._clock = clock
        self._history = history
        self._check_s = check_s
        self._text: str | None = None  # the records as they are in history
        self._opened: TagRecords | None = None
        self._asked_s: dict[str, float] = {}
        self._silent: set[str] = set()
        # By reference: the host that may have a newer image of it.
        self._pulled: dict[str, str] = {}

    @property
    def _records(self) -> TagRecords:
        if self._opened is None:
            self._text = self._history.tags()
            self._opened = read_tag_records(self._text)
        return self._opened

    @_records.setter
    def _records(self, book: TagRecords) -> None:
        self._opened = book

    def due(self, apps: Iterable[App], observed: Mapping[str, Observation]) -> Mapping[str, str]:
        """Return the images whose tags are due, each with a host that runs a service of it."""
        hosts = _hosts(observed)
        due: dict[str, str] = {}  # host, by image
        for app in apps:
            for service in app.services:
                host = hosts.get((app.key, service.name))  # a service that runs nowhere is pulled anyway
                if host is not None and self._is_due(service):
                    due.setdefault(service.image, host)
        return due

    def _is_due(self, service: Service) -> bool:
        policy, reference = _policy(service), normalise(service.image)
        if policy is None or not (policy.asks_again or self.request.everything):
            return False
        if self.request.everything:
            return True
        if policy.kind is PullMode.TIMED and self._records.is_fresh(
            reference, self._clock.now(), policy.period_s
        ):
            return False
        asked_s = self._asked_s.get(reference)
        return self.request.now or asked_s is None or self._clock.monotonic_s() - asked_s >= self._check_s

    def ask(self, due: Mapping[str, str]) -> Mapping[str, str | GitopsOrchError]:
        """Ask registries for digests, each through its host; return the answers that arrive in time, by image.

        They use separate lanes, because a registry may hang for long.
        """
        engines, batch = self._engines.by_name(), self._workers.open()
        for image, host in due.items():
            batch.submit(f"{host}: registries", image, partial(engines[host].registry_digest, image))
        answers: dict[str, str | GitopsOrchError] = {}
        until = self._clock.monotonic_s() + DEADLINE_S
        while len(answers) < len(due) and (left := until - self._clock.monotonic_s()) > 0:
            finished = batch.next(left)
            if finished is None:
                continue
            if finished.error is not None and not isinstance(finished.error, GitopsOrchError):
                raise finished.error
            answers[str(finished.token)] = finished.error or str(finished.value)
        return answers

    def note(self, due: Iterable[str], answers: Mapping[str, str | GitopsOrchError]) -> None:
        """Remember the answers, and which registries did not answer."""
        for image in due:
            self._note(image, answers.get(image))

    def _note(self, image: str, answer: str | GitopsOrchError | None) -> None:
        reference = normalise(image)
        self._asked_s[reference] = self._clock.monotonic_s()
        if isinstance(answer, str):
            self._records = self._records.with_checked(reference, Checked(answer, self._clock.now()))
            self._pulled.pop(reference, None)
            if reference in self._silent:
                self._silent.discard(reference)
                LOG.info(REGISTRY_ANSWERS, image=image)
        elif reference not in self._silent:  # reported once, until it answers again
            self._silent.add(reference)
            error = str(answer or f"no answer within {DEADLINE_S:g} s")
            LOG.warning(REGISTRY_SILENT, image=image, error=error)

    def noted(
        self, chosen: Iterable[TargetRelease], observed: Mapping[str, Observation]
    ) -> list[TargetRelease]:
        """Return the target releases, with the known digests of the tags of head releases."""
        self._note_pulled(observed)
        return [self._with_tags(each) if each.role is Role.HEAD else each for each in chosen]

    def _note_pulled(self, observed: Mapping[str, Observation]) -> None:
        for reference, name in list(self._pulled.items()):
            host, known = observed.get(name), self._records.known.get(reference)
            if isinstance(host, ObservedHost):
                digests = _digests_there(host, reference)
                if digests and (known is None or known.digest not in digests):
                    self._records = self._records.with_checked(
                        reference, Checked(digests[0], self._clock.now())
                    )
                del self._pulled[reference]

    def _with_tags(self, chosen: TargetRelease) -> TargetRelease:
        tags: dict[str, TagState] = {}
        for service in chosen.app.services:
            policy, reference = _policy(service), normalise(service.image)
            known = self._records.known.get(reference)
            if policy is None or known is None:
                continue
            failed = self._records.why_failed(reference)
            if failed or policy.asks_again or self.request.everything:
                tags[service.name] = TagState(digest=known.digest, failed=failed)
        failing = {name for name, tag in tags.items() if tag.failed}
        if not failing:
            return replace(chosen, tags=tags) if tags else chosen
        stable = image_pins(self._history, chosen.app.key, chosen.app.digest)
        pins = {name: stable[name] for name in failing if name in stable}
        # Without an earlier image, the image that the tag names is the only one.
        tags = {name: tag for name, tag in tags.items() if name in pins or not tag.failed}
        return replace(chosen, tags=tags, images={**chosen.images, **pins})

    def record_results(self, results: Iterable[ActionResult], world: World) -> frozenset[AppKey]:
        """Quarantine digests whose containers failed their gate in a release that was stable; return those apps."""
        chosen = {each.app.key: each for each in world.releases.targets}
        found: set[AppKey] = set()
        for result in results:
            action = result.action
            each = chosen.get(action.app) if action.app is not None else None
            if each is not None and isinstance(action.payload, Pull) and result.outcome is Outcome.DONE:
                self._record_pull(each.app, action.host, action.payload)
            if each is not None and result.failure is FailureKind.GATE:
                found |= self._quarantine(each, result, world)
        return frozenset(found)

    def _record_pull(self, app: App, host: str, pull: Pull) -> None:
        if pull.local_suffices:
            return  # its registry may not have been asked
        reference = normalise(pull.image)
        for service in app.services:
            policy = _policy(service)
            is_checked = policy is not None and (policy.asks_again or reference in self._records.known)
            if is_checked and normalise(service.image) == reference:
                self._pulled[reference] = host

    def _quarantine(self, chosen: TargetRelease, result: ActionResult, world: World) -> set[AppKey]:
        name, key = result.action.service or "", chosen.app.key
        tag = chosen.tags.get(name)
        if tag is None or tag.failed or key not in world.releases.stable_heads:
            return set()  # a release that was never stable is quarantined itself
        stable = image_pins(self._history, key, chosen.app.digest).get(name)
        if stable is None or any(digest.partition("@")[2] == tag.digest for digest in stable.digests):
            return set()  # this image was stable before: the cause is something else
        reference = normalise(chosen.app.service(name).image)
        why = f"{result.action.name} on {result.action.host}: {result.error}"
        self._records = self._records.with_quarantined(reference, tag.digest, why)
        LOG.warning(DIGEST_QUARANTINED, app=str(key), image=reference, digest=tag.digest, reason=why)
        self._write()
        return {key}

    def reset(self, app: App) -> bool:
        """Allow quarantined digests of an app's images again, and tell whether there was one."""
        before = self._records.failed
        self._records = self._records.without(normalise(service.image) for service in app.services)
        self._write()
        return self._records.failed != before

    def forget_others(self, apps: Iterable[App]) -> None:
        """Save what is known of the images of all apps, and forget other images."""
        self._records = self._records.only(normalise(each.image) for app in apps for each in app.services)
        self._write()

    def _write(self) -> None:
        book = self._records
        if book == TagRecords() and self._text is None:
            return
        text = tag_records_text(book)
        if text != self._text:
            self._history.set_tags(text)
            self._text = text


def _policy(service: Service) -> PullPolicy | None:
    """Return the policy of a service whose image a push may change; None if a push cannot change it.

    A digest always names the same image, a job has run already, and `never` and `build` ask no registry.
    """
    if split_reference(service.image).digest or service.job or service.schedule is not None:
        return None
    policy = parse_pull_policy(str(service.compose.get("pull_policy") or ""))
    return None if policy is None or policy.kind in (PullMode.NEVER, PullMode.BUILD) else policy


def _digests_there(host: ObservedHost, reference: str) -> tuple[str, ...]:
    """Return the digests, as its registry knows them, of the image that a tag names on a host."""
    name = split_reference(reference).familiar_name
    return tuple(
        digest.partition("@")[2]
        for image in host.images
        if any(normalise(tag) == reference for tag in image.tags)
        for digest in image.digests
        if split_reference(digest).familiar_name == name
    )


def _hosts(observed: Mapping[str, Observation]) -> dict[tuple[AppKey, str], str]:
    """Return, for each service, a host on which it has a container."""
    return {
        (container.owner.app, container.owner.service): name
        for name, seen in sorted(observed.items(), reverse=True)
        if isinstance(seen, ObservedHost)
        for container in seen.owned
    }
