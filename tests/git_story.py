"""Whole reconciles of real commits in a real repository, with a real history, on simulated hosts."""

from collections.abc import Mapping
from pathlib import Path

from repositories import Repository

from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.daemon.publish.alerts import troubles_of
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.status import AppStatus, RunReport
from gitops_orch.source.source import Source, SourceSettings
from tests.story import HOST, Scenario

CRASHES = ImageBehaviour(exits_after_s=1, exit_code=3)
SHOP = AppKey(namespace="default", name="shop")


def compose(image: str, more: str = "") -> str:
    """Return a Compose file with one service."""
    return f"services:\n  web:\n    image: '{image}'\n{more}"


class GitScenario(Scenario):
    """A branch, one host and one controller that pushes reverts; `bad:*` crashes, until it is cured."""

    def __init__(self, forge: Repository, state: Path, **settings: object) -> None:
        self.forge = forge
        self.state = state
        self.settings = {"push_reverts": True, **settings}
        self.address: dict[str, object] = {"url": forge.url}
        self.files: dict[str, str] = {"hosts/h1.yaml": HOST}
        self.reports: list[RunReport] = []
        super().__init__(dict.fromkeys(("bad:1", "bad:2"), CRASHES))
        self.history = History.open(state, None, self.clock)
        self.reopen()

    def reopen(self, **address: object) -> None:
        """Be a new process, perhaps with another address."""
        self.address |= address
        self.source = Source(
            SourceSettings(**{"deadline_s": 20.0, **self.address}), self.state / "mirror", self.clock
        )
        self.reconciler = self._reconciler()

    def _reconciler(self) -> Reconciler:
        return Reconciler(
            ReconcilerParts(
                repository=ConfigRepository(
                    self.source, self.history, self.clock, Branch(self.forge.url, "main"), Reading()
                ),
                history=self.history,
                connect=self.fleet.connect,
                clock=self.clock,
                workers=InlineWorkers(self.clock.sleep, lambda _: 0),
                settings=ReconcileSettings(**self.settings),
            )
        )

    def close(self) -> None:
        self.source.close()
        self.history.close()

    def push(self, changes: Mapping[str, str | None], **how: object) -> str:
        """Commit changes of files on top of the branch; None removes one."""
        self.files = {path: text for path, text in {**self.files, **changes}.items() if text is not None}
        return self.forge.commit(self.files, **how)

    def pull(self) -> None:
        """Take the branch's files for what the next change is made on."""
        head = self.forge.head()
        names = self.forge.git("ls-tree", "-r", "--name-only", head).splitlines()
        self.files = {name: self.forge.git("show", f"{head}:{name}") for name in names}

    def sync(self) -> RunReport:
        self.reports.append(super().sync())
        return self.reports[-1]

    def cure(self) -> None:
        """Let what crashed be well from now on."""
        for name in ("bad:1", "bad:2"):
            self.fleet.registry.push(name, ImageBehaviour())
        self.world.images.clear()
        for container in self.world.containers.values():
            container.behaviour = ImageBehaviour()

    def app(self, name: str = "shop") -> AppStatus:
        """Return an app's row as `status` shows it."""
        return next(row for row in self.reconciler.read_status().apps if row.key.name == name)

    def messages(self) -> list[str]:
        """Return what people were told of the app so far: each thing once, as long as it is the same."""
        told: list[str] = []
        for report in self.reports:
            notice = troubles_of(report).get(str(SHOP))
            message = notice.message if notice is not None else "well again"
            if message != (told[-1] if told else "well again"):
                told.append(message)
        return told

    def read(self, path: str) -> str:
        """Return a file of the branch."""
        return self.forge.read(self.forge.head(), path)
