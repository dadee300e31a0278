"""Death at an exact moment: SIGKILL just before, or just after, an action of one kind is carried out."""

import os
import signal
from dataclasses import dataclass
from types import ModuleType

BEFORE, AFTER = "before", "after"
WAIT = "wait_healthy"  # the one kind that makes no call of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Fatality:
    """Which kind of action is the last, and whether it is still carried out."""

    kind: str
    moment: str

    def install(self, execute: ModuleType) -> None:
        """Lay it around the executor's two ways to act: calls to an Engine, and judgements of a gate."""
        if self.kind == WAIT:
            execute.judge = self._around_judge(execute)
        else:
            execute.perform = self._around_perform(execute)

    def _around_perform(self, execute: ModuleType):
        perform = execute.perform

        def die_at_perform(engine, action):
            due = action.kind.value == self.kind
            if due and self.moment == BEFORE:
                _die()
            effect = perform(engine, action)
            if due:
                _die()
            return effect

        return die_at_perform

    def _around_judge(self, execute: ModuleType):
        judge = execute.judge

        def die_at_judge(*arguments):
            if self.moment == BEFORE:
                _die()
            verdict = judge(*arguments)
            if verdict.judgement is execute.Judgement.PASSED:
                _die()
            return verdict

        return die_at_judge


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
