import gc

import pytest

from gitops_orch.python_gc import few_collections


@pytest.fixture(autouse=True)
def _thresholds():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_old_objects_are_not_walked_while_many_values_are_created():
    with few_collections():
        young, middle, old = gc.get_threshold()
        assert gc.isenabled()
        assert middle == old > 10**9 > young


def test_the_schedule_is_as_before_afterwards_also_after_an_error():
    with pytest.raises(ValueError, match="broken"), few_collections():
        raise ValueError("broken")
    assert gc.get_threshold() == (700, 10, 10)


def test_the_last_of_several_users_restores_the_schedule():
    first, second = few_collections(), few_collections()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() != (700, 10, 10)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)
