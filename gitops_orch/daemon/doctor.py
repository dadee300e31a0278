"""Tests everything that the service needs, and reports for each what was found and how to repair it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops_orch.controller.observe.shared_engines import hold_same_engines
from gitops_orch.daemon.application import Application, open_application, open_history
from gitops_orch.engine.registry.registry_auth import Registries
from gitops_orch.errors import GitopsOrchError, SettingsError, SourceError
from gitops_orch.model.observed import Observation, ObservedHost
from gitops_orch.notify import make_receivers
from gitops_orch.private_files import owner_hint
from gitops_orch.settings import Settings

FREE_BYTES_MIN = 100_000_000
CLOCK_BEHIND_MAX_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one test."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def examine(settings: Settings) -> tuple[Check, ...]:
    """Run all tests. Tests that depend on a failed one are left out, so that each problem is reported once."""
    checks = tuple(_all_checks(settings))
    first = {(check.found, check.fix): check.name for check in reversed(checks) if not check.ok}
    return tuple(check for check in checks if check.ok or first[check.found, check.fix] == check.name)


def _all_checks(settings: Settings) -> Iterator[Check]:
    url = settings.repository.url
    yield Check(
        name="settings", ok=True, found=f"instance {settings.instance}, branch {settings.repository.branch}"
    )
    yield from _file_checks(settings)
    yield _tried("state", lambda: _state(settings))
    yield _tried("disk", lambda: _disk(settings.state.dir))
    if not url:
        yield _failed("git", "no repository is named", "pass --repo URL, or set repository.url")
        return
    try:
        with open_application(settings, url) as application:
            yield _tried("git", lambda: _git(application))
            yield _tried("clock", lambda: _clock(application))
            yield _tried("lease", lambda: _lease(application))
            yield from _hosts(application)
    except GitopsOrchError as error:
        yield _failed("start", error.message, error.hint)
    except OSError as error:
        yield _failed("start", *_refused_by_system(error))


def _file_checks(settings: Settings) -> Iterator[Check]:
    if settings.registries:
        helpers = str(settings.credential_helpers) if settings.credential_helpers else None
        yield _tried("registries", Registries(str(settings.registries), helpers).summary)
    if settings.notify.urls_file:
        yield _tried("notify", lambda: _notify(settings.notify.urls_file))


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, found=attempt())
    except GitopsOrchError as error:
        return _failed(name, error.message, error.hint)
    except OSError as error:
        return _failed(name, *_refused_by_system(error))


def _refused_by_system(error: OSError) -> tuple[str, str]:
    place = f"{error.filename}: " if error.filename else ""
    return (
        f"{place}{error.strerror or error}",
        "run this as the user who runs the service, or correct the owner and mode",
    )


def _failed(name: str, found: str, fix: str) -> Check:
    return Check(name=name, ok=False, found=found, fix=fix)


def _state(settings: Settings) -> str:
    with open_history(settings) as history:
        if history.rebuilt:
            return f"{settings.state.dir}: history was damaged and is rebuilt; the damaged file is kept in the same directory"
    if not os.access(settings.state.dir, os.W_OK):
        raise SettingsError(
            f"{settings.state.dir} cannot be written by this user", hint=owner_hint(settings.state.dir)
        )
    return f"{settings.state.dir} can be written, history is whole"


def _disk(directory: Path) -> str:
    free_bytes = shutil.disk_usage(next(p for p in (directory, *directory.parents) if p.exists())).free
    if free_bytes < FREE_BYTES_MIN:
        raise SettingsError(
            f"{free_bytes // 1_000_000} MB are free at {directory}, fewer than {FREE_BYTES_MIN // 1_000_000}",
            hint="make room: without it nothing is recorded, and so nothing is acted on",
        )
    return f"{free_bytes // 1_000_000} MB are free"


def _notify(file: Path | None) -> str:
    make_receivers(file)
    return f"{file} can be read"


def _git(application: Application) -> str:
    head = application.repository.fetch()
    return f"{application.repository.source.url}: {application.settings.repository.branch} is at {head[:10]}"


def _clock(application: Application) -> str:
    now = application.clock.now()
    ahead_s = (
        application.repository.source.commit_info(application.repository.fetch()).at - now
    ).total_seconds()
    if ahead_s > CLOCK_BEHIND_MAX_S:
        raise SettingsError(
            f"it is {now.isoformat(timespec='seconds')} here, {ahead_s:.0f} s before the newest commit was made",
            hint="set this machine's clock: holds and schedules depend on it",
        )
    return now.isoformat(timespec="seconds")


def _lease(application: Application) -> str:
    holder = application.history.lease_holder()
    return f"held by process {holder}, which carries out what other commands ask" if holder else "free"


def _hosts(application: Application) -> Iterator[Check]:
    try:
        observed = hold_same_engines(application.observe(_head(application)))
    except GitopsOrchError as error:
        yield _failed("hosts", error.message, error.hint)
        return
    yield from (_host(name, seen) for name, seen in sorted(observed.items()))


def _head(application: Application) -> str | None:
    try:
        return application.repository.fetch()
    except SourceError:  # the check of git reports it
        return None


def _host(name: str, seen: Observation) -> Check:
    if isinstance(seen, ObservedHost):
        found = f"Engine {seen.engine_version}, API {seen.api_version}, {len(seen.containers)} containers"
        return Check(name=f"host {name}", ok=True, found=found)
    fix = seen.hint or "check that its Engine runs, and the url in its Host document"
    return _failed(f"host {name}", seen.reason.removesuffix(f"; {seen.hint}"), fix)
