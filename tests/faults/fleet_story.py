"""Whole reconciles on several simulated hosts: the words of the tests of hosts that fail, leave or are replaced."""

from collections.abc import Iterable, Mapping

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.model.status import AppStatus, HostStatus, RunReport
from tests.story import Scenario

FOREVER_S = 1e9


def host(name: str, **spec: str) -> dict[str, str]:
    at = spec.pop("at", name)
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    return {
        f"hosts/{name}.yaml": "apiVersion: gitops-orch/v1\nkind: Host\n"
        f'metadata: {{name: {name}}}\nspec: {{url: "sim://{at}"{more}}}\n'
    }


def app(name: str, *, image: str = "good:1", service: str = "", policy: str = "") -> dict[str, str]:
    body = f'{{image: "{image}", restart: always, deploy: {{update_config: {{monitor: 1s}}}}{service}}}'
    return {f"{name}/compose.yaml": f"services: {{web: {body}}}\nx-gitops: {{{policy}}}\n"}


def on(*hosts: str) -> str:
    return f"placement: {{hosts: [{', '.join(hosts)}]}}"


class FleetStory(Scenario):
    """Several hosts, one controller; a commit is all of its files."""

    def __init__(self, images: Mapping[str, ImageBehaviour] | None = None) -> None:
        super().__init__({"good:1": ImageBehaviour(), **(images or {})})

    def push(self, *files: Mapping[str, str], trailers: Iterable[tuple[str, str]] = ()) -> str:
        together = {path: text for each in files for path, text in each.items()}
        commit = self.source.push(together, {})
        self.source.trailers[commit] = tuple(trailers)
        return commit

    def on(self, name: str) -> list[SimulatedContainer]:
        return list(self.fleet.world(name).containers.values())

    def running(self, name: str) -> list[str]:
        return sorted(
            each.labels.get("com.docker.compose.project", each.name)
            for each in self.on(name)
            if each.state.value == "running"
        )

    def acted_on(self, report: RunReport) -> set[str]:
        return {result.action.host for result in report.results}

    def app(self, report: RunReport, name: str) -> AppStatus:
        return next(row for row in report.final_status.apps if row.key.name == name)

    def host(self, report: RunReport, name: str) -> HostStatus:
        return next(row for row in report.final_status.hosts if row.name == name)

    def holds(self, report: RunReport) -> str:
        return "\n".join(f"{hold.subject}: {hold.reason}" for hold in report.final_status.plan.holds)
