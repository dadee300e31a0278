"""Adds steps on the slots of one app. Each step names its owner, so that a reader of the plan knows it at once."""

from typing import Unpack

from gitops_orch.model.app import App
from gitops_orch.model.plan.kinds import Payload
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.plan_builder import PlanBuilder, StepFields


class SlotSteps:
    """Adds steps on slots of an app to a draft."""

    def __init__(self, app: App, draft: PlanBuilder) -> None:
        self.app = app
        self.draft = draft

    def add(self, payload: Payload, at: Slot, target: str, reason: str, **fields: Unpack[StepFields]) -> str:
        """Add a step on a slot's container, and return its id."""
        if "after" in fields:
            fields["after"] = tuple(dict.fromkeys(fields["after"]))
        return self.draft.add(
            payload,
            at.host,
            target,
            reason,
            **fields,
            name=at.current.name if at.current else at.name,
            app=self.app.key,
            service=at.service.name,
            slot=at.assignment.slot,
            release=self.app.digest,
        )
