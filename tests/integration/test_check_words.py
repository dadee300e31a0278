"""What a healthcheck that fails printed, as a real Engine keeps it, is in the message, in status and in history."""

import pytest
from integration.world import World, compose, service

SHOP = "apps/shop/compose.yaml"


@pytest.mark.parametrize("which", ["world", "world26"])
@pytest.mark.parametrize(
    ("test", "said"),
    [
        (["CMD", "curl", "http://localhost"], 'exec: "curl": executable file not found in $PATH'),
        (["CMD-SHELL", "echo no such table; exit 3"], "its health check fails: no such table"),
        (["CMD-SHELL", "cat /nowhere"], "can't open '/nowhere'"),
    ],
)
def test_what_a_check_printed_is_told(request, which: str, test: list[str], said: str):
    world: World = request.getfixturevalue(which)
    check = {"test": test, "interval": "300ms", "retries": 1}
    world.commit({SHOP: compose({"web": service("stub:1", healthcheck=check)})})
    reply = world.sync()
    assert any(said in action.get("error", "") for action in reply.actions), reply.text
    assert said in world.run("status").app("shop")["reason"]
