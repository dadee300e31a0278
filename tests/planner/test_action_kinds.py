"""The table of action kinds: what holds of every action of a kind is decided there and nowhere else."""

from gitops_orch.model.plan.kinds import KINDS, Kind


def test_every_kind_of_action_has_a_row():
    assert KINDS.keys() == set(Kind)


def test_what_starts_or_stops_a_container_acts_on_one():
    assert all(each.on_container for each in KINDS.values() if each.starts or each.stops or each.frees_name)
