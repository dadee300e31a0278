import pytest

from gitops_orch.model.rules.addresses import is_loopback


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "0:0::1"]
)
def test_an_address_of_the_own_machine_only_is_loopback(address):
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address", ["", "0.0.0.0", "::", "10.0.0.1", "::12", "localhost.example", "127.example"]
)
def test_every_other_address_or_name_is_not(address):
    assert not is_loopback(address)
