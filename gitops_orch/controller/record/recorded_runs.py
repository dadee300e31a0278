"""Decides which runs history records: runs that did something, or found something that the run before did not find."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gitops_orch.controller.record.run_reasons import run_reasons
from gitops_orch.history.records import RunRecord
from gitops_orch.model.display.same_reason import steady
from gitops_orch.model.documents.serial import plan_row, run_document
from gitops_orch.model.status import ActionResult, AppHealth, RunReport, SkipReason
from gitops_orch.source.commits import CommitInfo

_UNHEALTHY = frozenset({AppHealth.DEGRADED.value, AppHealth.MISSING.value})


def actions_done(report: RunReport) -> Sequence[ActionResult]:
    """Return the results of a run, without the steps that it left to the next run."""
    return [result for result in report.results if result.skip_reason is not SkipReason.RUN_STOPPED]


def new_row(
    report: RunReport, info: CommitInfo | None, last: Callable[[], RunRecord | None]
) -> RunRecord | None:
    """Return the record of a run; None if it contains nothing that the `last` record does not contain.

    A run that only waited, and yielded, counts as a run without an action: the run that ends the wait is recorded.
    """
    is_cut_short = bool(report.results) and not actions_done(report)
    if is_cut_short:
        report = replace(report, results=())
    is_quiet = not (report.results or report.exit_code or report.trigger == "sync")
    if is_quiet and _newly_unhealthy(report, last):
        report = replace(report, reasons=run_reasons(report.final_status, ()))
    elif is_quiet or (is_cut_short and report.status == "progressing"):
        return None
    run = _run_record(report, info)
    before = None if report.results else last()
    if before is not None and _is_same(run, before, of_plan=not is_cut_short):
        return None
    return run


def _newly_unhealthy(report: RunReport, last: Callable[[], RunRecord | None]) -> bool:
    """Tell whether a stable release became unhealthy since the `last` record: a crash loop causes no action.

    Its recovery is not recorded: an app that crashes again and again would fill history with the same two records.
    """
    unhealthy = {str(app.key) for app in report.final_status.apps if app.health.value in _UNHEALTHY}
    before = last() if unhealthy else None
    return bool(unhealthy - (_unhealthy(before) if before is not None else set()))


def _unhealthy(run: RunRecord) -> set[str]:
    apps = run.results_json.get("apps")
    rows = [row for row in apps if isinstance(row, dict)] if isinstance(apps, list) else []
    return {f"{row['namespace']}/{row['app']}" for row in rows if row["health"] in _UNHEALTHY}


def _is_same(run: RunRecord, last: RunRecord, *, of_plan: bool) -> bool:
    """Tell whether a run without an action found the same as the one before it, apart from what changes each time.

    If a run was cut short, its plan is the rest of the plan before it and is not compared.
    """
    facts = [(each.commit, each.status, each.exit_code) for each in (run, last)]
    plans = [each.plan_digest if of_plan else "" for each in (run, last)]
    found = [[_comparable(each.results_json.get(key)) for key in ("apps", "reasons")] for each in (run, last)]
    return all(one == other for one, other in (facts, plans, found))


def _comparable(found: object) -> object:
    """Return a value in the form in which it is compared."""
    if isinstance(found, str):
        return steady(found)
    if isinstance(found, list):
        return [_comparable(each) for each in found]
    return {key: _comparable(each) for key, each in found.items()} if isinstance(found, dict) else found


def _run_record(report: RunReport, info: CommitInfo | None) -> RunRecord:
    apps = {result.action.app for result in report.results if result.action.app is not None}
    return RunRecord(
        id=report.id,
        commit=report.final_status.commit,
        author=info.author if info else "",
        trigger=report.trigger,
        started_at=report.started_at,
        duration_ms=report.duration_ms,
        status=report.status,
        exit_code=report.exit_code,
        plan_digest=report.first_plan.digest,
        plan_json=plan_row(report.first_plan),
        results_json=run_document(report) | {"subject": info.subject if info else ""},
        apps=tuple(sorted(apps)),
    )
