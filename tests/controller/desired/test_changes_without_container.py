"""The notes on what changed in Git and changes no container, for many apps at once."""

from dataclasses import replace

from planner.builders import COMMIT, app, container, seen, service, world

from gitops_orch.controller.desired.changes_without_container import notes_of
from gitops_orch.model.plan.plan import Plan


class OneReading:
    """Has the apps of a commit only where they are read at once: to look for each alone takes the square of the time."""

    def __init__(self, apps):
        self._apps = {each.key: each for each in apps}
        self._read = set()

    def read_many(self, keys, commit):
        assert commit == COMMIT
        self._read |= set(keys)

    def app_at(self, key, _commit):
        return self._apps[key] if key in self._read else None


def test_the_apps_of_one_commit_are_read_at_once():
    before = [app(f"app-{n}", service("web"), digest=f"old-{n}") for n in range(20)]
    after = [replace(each, digest=f"new-{each.key.name}", adopt=True) for each in before]
    there = [container(each, "web") for each in before]
    now = world(*after, observed={"h1": seen("h1", *there)})
    keys = {each.key for each in after}
    assert notes_of(now, Plan(commit=COMMIT), there, OneReading(before), keys) == tuple(
        f"default/app-{n}: x-gitops.adopt changed in Git, which changes no container" for n in range(20)
    )
