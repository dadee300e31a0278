"""Reads Host and Fleet documents: the fleet as the configuration repository declares it.

One unreadable document makes the result incomplete: a host that cannot be read must not look like a removed host.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from yaml import CSafeLoader, parse

from gitops_orch.errors import ManifestError
from gitops_orch.manifest.app.app_checks import NOT_YET_HOST, not_yet
from gitops_orch.manifest.problems.collector import Findings, has_errors
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.repository.discover import FLEET_PATH, HOSTS_DIRECTORY, Discovered, is_document
from gitops_orch.manifest.schema.compose_schema import describe, kind_of
from gitops_orch.manifest.schema.document_schema import schema_problems
from gitops_orch.manifest.yaml.yaml_document import Dialect, parse_documents
from gitops_orch.model.app import Prune
from gitops_orch.model.host import Availability, EngineKind, Fleet, Host, PruneBudget, Tls
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.tree import Tree

API_VERSION = "gitops-orch/v1"
LOCAL_HOST = "local"
_NEWER = re.compile(r"gitops-orch/v\d+(?:(?:alpha|beta)\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The content of all Host and Fleet documents. With `complete` False nothing may be changed on any host.

    `defaults` is `spec.defaults` of the Fleet, in the shape of an app's `x-gitops`.
    """

    hosts: tuple[Host, ...] = ()
    fleet: Fleet = field(default_factory=Fleet)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetContext:
    """Facts that no file contains: the controller's own Engine, and whether there were hosts before."""

    local_url: str
    hosts_ever_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One document of a file that may hold several."""

    value: Any
    findings: Findings


def read_documents(tree: Tree, found: Discovered, origin: FleetContext) -> Documents:
    """Read hosts and fleet; where the repository never declared either, the only host is the local Engine."""
    problems: list[Problem] = []
    hosts: list[Host] = []
    for path in found.hosts:
        for part in _parts(tree, path, problems):
            hosts += _read_host(part)
            problems += part.findings.problems
    fleet, defaults = _read_fleet(tree, found.fleet, problems)
    problems += _repeated_hosts(hosts)
    unread = any(is_document(path) for path in found.unread)
    complete = not unread and not has_errors(problems)
    if not found.hosts and found.fleet is None and not unread:
        if origin.hosts_ever_known:
            problems.append(_all_hosts_removed())
            complete = False
        else:
            hosts.append(Host(name=LOCAL_HOST, url=origin.local_url))
            problems += _hosts_left_out(tree)
    return Documents(
        hosts=tuple(sorted(hosts, key=lambda host: host.name)),
        fleet=fleet,
        defaults=defaults,
        complete=complete,
        problems=tuple(problems),
    )


def _hosts_left_out(tree: Tree) -> list[Problem]:
    if not tree.hosts_outside:
        return []
    message = (
        f"the repository has {tree.hosts_outside}/ outside of the managed path, where no host is declared, so all apps run "
        f"on the host {LOCAL_HOST}; move {tree.hosts_outside}/ into the managed path, or widen repository.path"
    )
    return [Problem(position=Position(path=tree.hosts_outside), message=message, severity=Severity.WARNING)]


def _parts(tree: Tree, path: str, problems: list[Problem]) -> Iterator[_Part]:
    """Yield the documents of a file; the reasons are added to `problems` where it cannot be parsed."""
    content = tree.read(path)
    try:
        documents = parse_documents(path, content, dialect=Dialect.STRICT)
    except ManifestError as error:
        problems += error.problems
        return
    problems += _anchors(path, content)
    parts = [
        _Part(value=document.value, findings=Findings(document.positions.at))
        for document in documents
        if document.value is not None
    ]
    if not parts:
        text = "holds no document"
        problems.append(Problem(position=Position(path=path), message=text, severity=Severity.WARNING))
    yield from parts


def _anchors(path: str, content: bytes) -> Iterator[Problem]:
    """Yield the positions of anchors and aliases; Host and Fleet documents are too short to need them."""
    if b"&" not in content and b"*" not in content:
        return
    for event in parse(content, Loader=CSafeLoader):
        mark = event.start_mark
        if getattr(event, "anchor", None) is not None and mark is not None:
            place = Position(path=path, line=mark.line + 1, column=mark.column + 1)
            yield Problem(
                position=place, message="anchors and aliases are not read here; write the value out"
            )


def _is_kind(part: _Part, kind: str) -> bool:
    """Check `apiVersion` and `kind` of a document, so that a wrong document gets one error and not twenty."""
    value = part.value
    if not isinstance(value, Mapping):
        part.findings.error((), f"must be a {kind} document, is {kind_of(value)}")
        return False
    version = value.get("apiVersion", API_VERSION)
    if version != API_VERSION:
        known = isinstance(version, str) and _NEWER.fullmatch(version)
        hint = (
            "this version of gitops-orch does not know it, so upgrade the controller"
            if known
            else "change it"
        )
        part.findings.error(("apiVersion",), f"must be {API_VERSION}, is {describe(version)}; {hint}")
        return False
    found = value.get("kind", kind)
    if found != kind:
        places = {"Host": "hosts/*.yaml", "Fleet": "gitops.yaml"}
        hint = (
            f"{found} documents belong into {places[found]}"
            if isinstance(found, str) and found in places
            else f"this file is for {kind} documents{did_you_mean(str(found), [kind])}"
        )
        part.findings.error(("kind",), f"must be {kind}, is {describe(found)}; {hint}")
        return False
    return True


def _is_valid(part: _Part, schema: str) -> bool:
    part.findings.extend(schema_problems(part.value, schema, part.findings.place))
    return not part.findings.failed


def _read_host(part: _Part) -> list[Host]:
    if not _is_kind(part, "Host") or not _is_valid(part, "host"):
        return []
    metadata, spec = part.value["metadata"], part.value["spec"]
    host = Host(
        name=metadata["name"],
        url=spec["url"],
        labels=dict(metadata.get("labels", {})),
        engine=EngineKind(spec.get("engine", "docker")),
        tls=Tls(**spec["tls"]) if "tls" in spec else None,
        availability=Availability(spec.get("availability", "active")),
        position=part.findings.place(("metadata", "name")),
        **{key: spec[key] for key in ("insecure", "data_root") if key in spec},
    )
    not_yet(NOT_YET_HOST, spec, ("spec",), part.findings)
    _check_transport(host, part.findings)
    return [host]


def _wrong_address(url: str) -> str:
    """Return why no connection to a URL is possible; "" where one may be."""
    try:
        port = urlsplit(url).port
    except ValueError as error:
        return str(error)
    return "no host listens on port 0" if port == 0 else ""


def _check_transport(host: Host, findings: Findings) -> None:
    is_tcp = host.url.startswith("tcp://")
    wrong = _wrong_address(host.url)
    if wrong:
        findings.error(("spec", "url"), f"{host.url} is no address: {wrong}")
    if is_tcp and host.tls is None and not host.insecure:
        findings.error(
            ("spec", "url"),
            "tcp without TLS lets anyone on the network own the host; give spec.tls, "
            "or say spec.insecure: true",
        )
    if host.tls is not None and not is_tcp:
        findings.error(("spec", "tls"), f"is valid for tcp:// only; the URL is {host.url}; remove it")


def _read_fleet(tree: Tree, path: str | None, problems: list[Problem]) -> tuple[Fleet, Mapping[str, Any]]:
    if path is None:
        return Fleet(), {}
    parts = list(_parts(tree, path, problems))
    fleet = Fleet()
    defaults: Mapping[str, Any] = {}
    for number, part in enumerate(parts):
        if number:
            part.findings.error((), "is a second document; gitops.yaml holds one Fleet document")
        elif _is_kind(part, "Fleet") and _is_valid(part, "fleet"):
            spec: Mapping[str, Any] = part.value.get("spec", {})
            defaults = spec.get("defaults", {})
            fleet = Fleet(
                name=part.value.get("metadata", {}).get("name", "default"),
                variables=dict(spec.get("variables", {})),
                declared=frozenset(spec),
                prune=_budget(spec.get("prune", {})),
                prune_default=Prune(defaults.get("prune", "auto")),
            )
        problems += part.findings.problems
    return fleet, defaults


def read_fleet(tree: Tree) -> Fleet:
    """Return the Fleet document of a tree; parts that cannot be read have their defaults."""
    return _read_fleet(tree, FLEET_PATH if FLEET_PATH in tree.files else None, [])[0]


def _budget(prune: Mapping[str, Any]) -> PruneBudget:
    default = PruneBudget()
    percent = prune.get("removals_max")
    return PruneBudget(
        removals_max_percent=default.removals_max_percent
        if percent is None
        else float(percent.removesuffix("%")),
        removals_min=int(prune.get("removals_min", default.removals_min)),
        allow_empty=prune.get("allow_empty", default.allow_empty),
    )


def _repeated_hosts(hosts: list[Host]) -> Iterator[Problem]:
    """Yield an error for two documents with one name, and a warning for two names of one Engine.

    Each problem names only one other host: for a thousand equal hosts, a million problems would be of no use.
    """
    names: dict[str, list[Host]] = defaultdict(list)
    urls: dict[str, dict[str, Host]] = defaultdict(dict)
    for host in hosts:
        names[host.name].append(host)
        urls[host.url].setdefault(host.name, host)
    for host in hosts:
        where = host.position or Position(path=HOSTS_DIRECTORY)
        for other in [other for other in names[host.name][:2] if other is not host][:1]:
            message = f"metadata.name: {host.name} is declared at {other.position} too; rename or remove one of them"
            yield Problem(position=where, message=message)
        for other in [other for other in islice(urls[host.url].values(), 2) if other.name != host.name][:1]:
            message = f"spec.url: host {other.name} has the same URL; its containers will be seen on both"
            yield Problem(position=where, message=message, severity=Severity.WARNING)


def _all_hosts_removed() -> Problem:
    return Problem(
        position=Position(path=HOSTS_DIRECTORY),
        message="no Host document is left although hosts were known; nothing is touched until there is one again",
    )
