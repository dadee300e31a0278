"""Death at an exact moment: SIGKILL just before, or just after, an action of one kind is carried out."""

import os
import signal
from dataclasses import dataclass
from types import ModuleType

from gitops_orch.planner.health_gate import GateState

BEFORE, AFTER = "before", "after"
WAIT = "wait_healthy"  # the one kind that makes no call of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Fatality:
    """Which kind of action is the last, and whether it is still carried out."""

    kind: str
    moment: str

    def install(self, performer: ModuleType, gates: ModuleType) -> None:
        """Lay it around the two ways in which a plan is carried out: calls to an Engine, and judgements of a gate."""
        if self.kind == WAIT:
            gates.evaluate_gate = self._around_judge(gates)
        else:
            performer.perform = self._around_perform(performer)

    def _around_perform(self, performer: ModuleType):
        perform = performer.perform

        def die_at_perform(engine, action):
            due = action.kind.value == self.kind
            if due and self.moment == BEFORE:
                _die()
            effect = perform(engine, action)
            if due:
                _die()
            return effect

        return die_at_perform

    def _around_judge(self, gates: ModuleType):
        judge = gates.evaluate_gate

        def die_at_judge(*arguments, **named):
            if self.moment == BEFORE:
                _die()
            verdict = judge(*arguments, **named)
            if verdict.state is GateState.PASSED:
                _die()
            return verdict

        return die_at_judge


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
