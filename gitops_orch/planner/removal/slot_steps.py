"""Adds steps on the slots of one app. Each step names its owner, so that a reader of the plan knows it at once."""

from typing import Unpack

from gitops_orch.model.app import App
from gitops_orch.model.plan import Action, Kind
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.plan_builder import PlanBuilder, StepFields
from gitops_orch.planner.removal.removal_steps import grace_s


class SlotSteps:
    """Adds steps on slots of an app to a draft."""

    def __init__(self, app: App, draft: PlanBuilder) -> None:
        self.app = app
        self.draft = draft

    def add(self, kind: Kind, at: Slot, target: str, reason: str, **fields: Unpack[StepFields]) -> str:
        """Add a step on a slot's container, and return its id."""
        if "after" in fields:
            fields["after"] = tuple(dict.fromkeys(fields["after"]))
        if kind is Kind.RESTART and at.current is not None:
            fields["grace_s"] = grace_s(at.current)
        identity = self.draft.identify(kind, at.host, fields.get("new_name") or target)
        action = Action(
            id=identity,
            kind=kind,
            host=at.host,
            target=target,
            reason=reason,
            **fields,
            name=at.current.name if at.current else at.name,
            app=self.app.key,
            service=at.service.name,
            slot=at.assignment.slot,
            release=self.app.digest,
        )
        self.draft.actions.append(action)
        return identity
