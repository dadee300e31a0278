"""Reads the last log lines of containers that failed, for history and for the message."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.workers import AnswerLimits, Workers, gather
from gitops_orch.engine.base import Engine
from gitops_orch.errors import EngineError
from gitops_orch.logs import LOG
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.display.legible import UNHEALTHY, legible, pieces, why_unhealthy
from gitops_orch.model.display.program_output import with_output
from gitops_orch.model.observed import Details
from gitops_orch.model.plan.action import Action
from gitops_orch.model.sensitive.secret_words import without_secrets
from gitops_orch.model.status import ActionResult, Outcome

LINES_MAX = 20
SHOWN_LINES_MAX = 3  # in a message
SHOWN_CHARS_MAX = 300
PATIENCE_S = 10.0
FAILURE_LOG_LOST = "failure_log.lost"


def with_failure_logs(
    results: Iterable[ActionResult],
    engines: Mapping[str, Engine],
    workers: Workers,
    clock: Clock,
    apps: Mapping[AppKey, App],
) -> tuple[ActionResult, ...]:
    """Return the results, with the last log lines of each failed gate's container, if they can be read."""
    results = tuple(
        result_without_secrets(each, apps.get(each.action.app) if each.action.app else None)
        for each in results
    )
    failed: dict[str, list[Action]] = defaultdict(list)
    for result in results:
        if result.gate_failed:
            failed[result.action.host].append(result.action)
    if not failed:
        return results
    works: dict[str, Callable[[], object]] = {
        host: partial(_read_logs, engines[host], actions) for host, actions in failed.items()
    }
    answers = gather(workers, works, AnswerLimits(PATIENCE_S, frozenset(works)), clock.monotonic_s)
    output: dict[str, _ContainerOutput] = {}
    for answer in answers.values():
        if answer.error is not None:
            LOG.error(FAILURE_LOG_LOST, error=str(answer.error), exc_info=answer.error)
        output |= answer.value if isinstance(answer.value, dict) else {}
    return tuple(
        _with_log(
            result,
            output.get(result.action.id, _ContainerOutput()),
            apps.get(result.action.app) if result.action.app else None,
        )
        if result.gate_failed
        else result
        for result in results
    )


def result_without_secrets(result: ActionResult, app: App | None) -> ActionResult:
    """Return a result without secrets of its app's files: a command or a probe may print a secret that it was given.

    The note is the error of a step that may fail without consequences, such as a `pre_stop`.
    """
    if result.outcome is not Outcome.FAILED and not result.note:
        return result
    return replace(result, error=text_without(result.error, app), note=text_without(result.note, app))


def text_without(text: str, app: App | None) -> str:
    """Return a text without the secrets of an app's files, and without anything that looks like a secret."""
    return without_secrets(legible(text, pieces(app)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ContainerOutput:
    """The last log lines of a container, and its state when they were read."""

    log: str = ""
    details: Details | None = None


def _read_logs(engine: Engine, actions: Iterable[Action]) -> dict[str, _ContainerOutput]:
    found: dict[str, _ContainerOutput] = {}
    for action in actions:
        with suppress(
            EngineError
        ):  # the container or its host does not exist any more: there are no log lines
            log = engine.logs(action.target, tail=LINES_MAX)
            found[action.id] = _ContainerOutput(log=log, details=engine.inspect(action.target).details)
    return found


def _with_log(result: ActionResult, output: _ContainerOutput, app: App | None) -> ActionResult:
    text = without_secrets(legible(output.log, pieces(app)))
    lines = text.splitlines()[-SHOWN_LINES_MAX:]
    last = " | ".join(line.strip() for line in lines if line.strip())[-SHOWN_CHARS_MAX:]
    error = result.error
    if UNHEALTHY in error:
        error = error.replace(UNHEALTHY, why_unhealthy(output.details, app))
    return replace(result, error=with_output(error, last), log=text)
