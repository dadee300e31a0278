"""Finds conflicts over resources that exist once per host: ports, names, addresses."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter

from gitops_orch.manifest.app.compile_service import is_data
from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.model.app import App, AppKey, Mode, Service
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.rules.eligibility import named_hosts

PLACED_PORTS_MAX = 1_000
_ANY = "*"  # a claim of any address
_EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]")  # noqa: S104  # compared with, not listened on


class SharingRule(Enum):
    """The rule for a resource that two services or apps want."""

    NEVER = "never"
    DATA = "data"  # both write to one path of a host
    NETWORK = "network"  # both would create it; the first one does, and the other uses it


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One resource that one app wants; `service` is "" where the claim belongs to the app as a whole.

    `address` separates claims of one port: they conflict if the addresses are equal, or if one of them means all
    addresses.
    """

    what: str
    app: AppKey
    service: str
    position: Position
    address: str = ""
    sharing: SharingRule = SharingRule.NEVER

    @property
    def owner(self) -> tuple[AppKey, str]:
        """Return the app and the service that want it."""
        return self.app, self.service


def collect_claims(app: App, findings: Findings) -> tuple[Claim, ...]:
    """Return everything that an app claims for itself on its hosts."""
    claims: list[Claim] = []
    for service in app.services:
        claims += _service_claims(app, service, findings)
    for volume in app.volumes:
        if not volume.external:
            where = _place(app, "volumes", volume.key, volume.name, findings)
            claims.append(Claim(what=f"volume {volume.name}", app=app.key, service="", position=where))
    for network in app.networks:
        if not network.external:
            where = _place(app, "networks", network.key, network.name, findings)
            what = f"network {network.name}"
            claims.append(
                Claim(what=what, app=app.key, service="", position=where, sharing=SharingRule.NETWORK)
            )
    return tuple(claims)


def clashes_within(app: App, claims: Iterable[Claim]) -> Iterator[Problem]:
    """Yield the conflicts between services of one app that run together on a host, whichever host that is."""
    apart = {service.name for service in app.services if app.spreads(service)}
    together = [
        claim
        for claim in claims
        if claim.service and claim.service not in apart and claim.sharing is SharingRule.NEVER
    ]
    for claim, other in _clashes_between(together, same_app=True):
        yield _problem(claim, other, "")
    yield from _self_clashes(app, [service for service in app.services if service.name not in apart], claims)


def clashes_on_hosts(
    apps: Sequence[App], claims: Mapping[AppKey, tuple[Claim, ...]], hosts: tuple[str, ...]
) -> Iterator[tuple[AppKey, Problem]]:
    """Yield the conflicts between apps, and between replicas, on hosts where they certainly run together."""
    on_host: dict[str, list[tuple[AppKey, frozenset[str]]]] = defaultdict(list)
    for app in apps:
        for host, services in _certain(app, hosts).items():
            on_host[host].append((app.key, services))
        several = [service for service in app.services if service.replicas > 1 and app.spreads(service)]
        if several and len(named_hosts(app, hosts)) == 1:
            for problem in _self_clashes(app, several, claims[app.key]):
                yield app.key, problem
    known: dict[tuple[object, ...], list[tuple[Claim, Claim]]] = {}  # many hosts have the same services
    for host in sorted(on_host):
        there = tuple(on_host[host])
        if there not in known:
            wanted = [
                claim
                for key, services in (there if len(there) > 1 else ())
                for claim in claims[key]
                if not claim.service or claim.service in services
            ]
            known[there] = list(_clashes_between(wanted))
        for claim, other in known[there]:
            yield claim.app, _problem(claim, other, host)


def _place(app: App, kind: str, key: str, name: str, findings: Findings) -> Position:
    """Return the position of a name; for a name from Compose only the file, because the search takes time."""
    is_given = name != f"{app.key.project}_{key}"
    return findings.place((kind, key)) if is_given else Position(path=app.path)


def _service_claims(app: App, service: Service, findings: Findings) -> Iterator[Claim]:
    base = ("services", service.name)

    def claim(
        what: str,
        where: tuple[str | int, ...],
        *,
        address: str = "",
        sharing: SharingRule = SharingRule.NEVER,
    ) -> Claim:
        position = together if where[0] == "ports" and together else findings.place((*base, *where))
        return Claim(
            what=what,
            app=app.key,
            service=service.name,
            position=position,
            address=address,
            sharing=sharing,
        )

    # So many ports come from ranges; finding the position of each would take longer than everything else.
    together = findings.place((*base, "ports")) if len(service.ports) > PLACED_PORTS_MAX else None
    for index, port in enumerate(service.ports):
        if port.published is not None:
            address = "" if port.host_ip in _EVERY_ADDRESS else port.host_ip
            yield claim(f"host port {port.published}/{port.protocol}", ("ports", index), address=address)
    if service.container_name:
        yield claim(f"container name {service.container_name}", ("container_name",))
    for key, address in _static_addresses(service):
        network = next((network.name for network in app.networks if network.key == key), key)
        yield claim(f"address {address} in network {network}", ("networks", key))
    volumes = service.compose.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        if volume.get("type") == "bind" and is_data(volume):
            yield claim(f"the host's {volume.get('source')}", ("volumes",), sharing=SharingRule.DATA)


def _static_addresses(service: Service) -> Iterator[tuple[str, str]]:
    networks = service.compose.get("networks")
    for key, network in networks.items() if isinstance(networks, Mapping) else ():
        if isinstance(network, Mapping):
            given = (network.get("ipv4_address"), network.get("ipv6_address"))
            yield from ((key, str(address)) for address in given if address)


def _certain(app: App, hosts: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Return the hosts on which services of an app will certainly run, whatever the planner decides."""
    possible = named_hosts(app, hosts)
    if len(possible) == 1:
        return {possible[0]: frozenset(service.name for service in app.services)}
    if app.placement.constraints:
        return {}
    everywhere = frozenset(
        s.name for s in app.services if s.mode is Mode.GLOBAL and not s.placement.constraints
    )
    return dict.fromkeys(possible, everywhere) if everywhere else {}


def _self_clashes(app: App, services: Sequence[Service], claims: Iterable[Claim]) -> Iterator[Problem]:
    """Yield the ports that several replicas on one host would all need."""
    several = {s.name: s.replicas for s in services if s.replicas > 1 and s.mode is Mode.REPLICATED}
    if not several:
        return
    for claim in claims:
        if claim.service in several and claim.what.startswith("host port"):
            count = several[claim.service]
            yield Problem(
                position=claim.position,
                message=f"services.{claim.service}: {claim.what} cannot be had by {count} replicas on one host; "
                f"publish no fixed port, or a range, or run one replica of {app.key.name}",
            )


def _clashes_between(claims: Sequence[Claim], *, same_app: bool = False) -> Iterator[tuple[Claim, Claim]]:
    wanted: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        wanted[claim.what].append(claim)
    for rivals in wanted.values():
        if len(rivals) < 2:  # noqa: PLR2004  # a single claim has no conflict
            continue
        found = _Claimants(rivals, same_app=same_app)
        for claim in rivals:
            other = found.of(claim)
            if other is not None:
                yield claim, other


class _Claimants:
    """The claimants of one resource by address, so that thousands of claims are not compared pairwise.

    For one address, two claims are enough: the first one, and the first one of another group. One of them is not of the
    claimant's own group.
    """

    def __init__(self, claims: Iterable[Claim], *, same_app: bool) -> None:
        self._same_app = same_app
        self._first: dict[str, list[tuple[int, Claim]]] = defaultdict(list)
        for place, claim in enumerate(claims):
            for address in {claim.address, _ANY}:
                known = self._first[address]
                if not known or (len(known) == 1 and self._group(known[0][1]) != self._group(claim)):
                    known.append((place, claim))

    def _group(self, claim: Claim) -> object:
        return claim.owner if self._same_app else claim.app

    def of(self, claim: Claim) -> Claim | None:
        """Return the first conflicting claim of another group."""
        addresses = (claim.address, "") if claim.address else (_ANY,)
        others = [
            (place, other)
            for address in addresses
            for place, other in self._first.get(address, ())
            if self._group(other) != self._group(claim)
        ]
        return min(others, key=itemgetter(0))[1] if others else None


_CLASHES = {
    SharingRule.NEVER: ("is claimed by", "; change one of them", Severity.ERROR),
    SharingRule.DATA: ("is written by", "", Severity.WARNING),
    SharingRule.NETWORK: ("is created by", "; write `external: true` in one of them", Severity.WARNING),
}


def _problem(claim: Claim, other: Claim, host: str) -> Problem:
    who = f"services.{other.service}" if other.app == claim.app else f"{other.app}"
    subject = f"services.{claim.service}: " if claim.service else ""
    place = f" on host {host}" if host else ""
    verb, advice, severity = _CLASHES[claim.sharing]
    message = f"{subject}{claim.what} {verb} {who} ({other.position}) too{place}{advice}"
    return Problem(position=claim.position, message=message, severity=severity)
