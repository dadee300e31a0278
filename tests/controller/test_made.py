"""What a plan made is removed by what it is, not by what it was called."""

from dataclasses import replace

from simulation import tampering

from gitops_orch.controller.workers import InlineWorkers
from gitops_orch.model.plan.kinds import Kind, Remove
from tests.controller.execute.test_executor import Stage
from tests.planner.builders import app, service


class Interfering(InlineWorkers):
    """Another hand takes a container away and gives its name to one of its own, while a request to remove it travels."""

    def __init__(self, stage):
        super().__init__(stage.clock.sleep)
        self.world = stage.fleet.worlds["h1"]
        self.theirs = []

    def open(self):
        batch = super().open()
        submit = batch.submit

        def noted(lane, token, work):
            if isinstance(token, str) and token.startswith("remove/"):
                name = token.rpartition("/")[2]
                tampering.remove(self.world, self.world.find(name))
                self.theirs.append(tampering.run_foreign(self.world, name).id)
            submit(lane, token, work)

        batch.submit = noted
        return batch


def test_a_name_that_passed_to_another_hands_container_is_no_reason_to_remove_that():
    stage = Stage(app("shop", service()))
    workers = Interfering(stage)
    plan = stage.plan()
    (made,) = [action for action in plan.actions if action.kind is Kind.CREATE]
    last = plan.actions[-1].id
    removal = replace(made, id=f"remove/{made.target}", payload=Remove(), after=(last,))

    stage.executor(workers).run(replace(plan, actions=(*plan.actions, removal)))

    assert len(workers.theirs) == 1
    assert workers.theirs[0] in stage.fleet.worlds["h1"].containers
