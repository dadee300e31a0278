"""With `push_reverts`, Git, the host and the status agree after a bad commit; on a real Engine."""

import pytest
from integration.service_process import run_service
from integration.world import World, compose, service
from lab.commands import wait_for

WEB, SHOP = "apps/web/compose.yaml", "apps/shop/compose.yaml"
GATE = {"update_config": {"monitor": "2s"}}


def web(image: str) -> dict[str, str]:
    return {WEB: compose({"front": service(image, deploy=GATE)})}


@pytest.fixture
def pushing(world: World) -> World:
    """Two apps that do well, and a controller that pushes reverts."""
    world.settings["GITOPS_ORCH_REPOSITORY__PUSH_REVERTS"] = "true"
    world.commit(web("stub:1") | {SHOP: compose({"api": service("stub:1")})})
    world.deploy()
    return world


def test_a_bad_commit_is_reverted_and_what_runs_is_never_touched(pushing: World):
    old = pushing.one("web/front")
    good = pushing.files[WEB]
    failed = pushing.commit(web("stub:crash") | {SHOP: compose({"api": service("stub:2")})})

    reply = pushing.sync()

    head = pushing.repository.head()
    assert reply.exit_code == 4, reply.text
    assert pushing.repository.git("log", "-1", "--format=%P", head) == failed
    assert pushing.repository.read(head, WEB) == str(good).strip()
    assert pushing.one("shop/api").image == "stub:2"
    row = reply.app("web")
    assert (row["sync"], row["health"], row["commit"]) == ("in-sync", "healthy", head)
    running = [seen for seen in pushing.ours("web/front") if seen.state == "running"]
    assert [seen.id for seen in running] == [old.id]
    pushing.converge()
    assert pushing.repository.head() == head


def test_reverting_the_revert_tries_it_again_once(pushing: World):
    pushing.commit(web("stub:crash"))
    pushing.sync()
    first = pushing.repository.head()

    pushing.revert_head()
    reply = pushing.sync()

    assert reply.exit_code == 4
    assert "wait_healthy" in reply.kinds
    second = pushing.repository.head()
    assert second != first
    pushing.files[WEB] = web("stub:1")[WEB]
    pushing.commit(web("stub:crash"), message=f"again\n\nThis reverts commit {first}.")
    assert "wait_healthy" not in pushing.sync().kinds


def test_the_service_tells_of_a_push_that_is_refused_and_makes_up_for_it(pushing: World):
    hook = pushing.repository.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    failed = pushing.commit(web("stub:crash"))
    with run_service(pushing, GITOPS_ORCH_POLL__INTERVAL="2s") as controller:
        wait_for("the refusal", lambda: controller.logged("revert.not_pushed"), deadline_s=180)
        status = pushing.run("status")
        assert status.exit_code == 2
        assert "main is protected" in status.app("web")["reason"]
        assert pushing.repository.head() == failed
        controller.await_runs(len(controller.logged("run.finished")) + 5)
        assert len(controller.logged("revert.not_pushed")) == 1
        told = [row for row in controller.logged("notification.raised") if row["subject"] == "default/web"]
        assert len([row for row in told if "main is protected" in row["message"]]) == 1
        hook.unlink()
        wait_for("the revert", lambda: controller.logged("revert.pushed"), deadline_s=90)
        assert controller.stop() == 0
    assert pushing.deploy().actions == []
    assert pushing.repository.read(pushing.repository.head(), WEB) == web("stub:1")[WEB].strip()


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "refused"])
def test_a_death_in_the_middle_of_a_push_leaves_one_revert(pushing: World, *, accepted: bool):
    """The remote has what it needs, and has not answered yet, when the controller is killed."""
    forge = pushing.repository.path
    asked, go, over = (forge / name for name in ("asked", "go", "over"))
    hook = forge / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\ntouch '{asked}'\nwhile [ ! -e '{go}' ]; do sleep 0.1; done\n"
        f"touch '{over}'\nexit {0 if accepted else 1}\n"
    )
    hook.chmod(0o755)
    good, failed = pushing.files[WEB], pushing.commit(web("stub:crash"))
    with run_service(pushing) as controller:
        wait_for("the push", asked.exists, deadline_s=90)
        controller.process.kill()
        controller.process.wait()
    go.touch()
    wait_for("the remote's verdict", over.exists, deadline_s=30)
    hook.unlink()
    if accepted:
        wait_for("the revert", lambda: pushing.repository.head() != failed, deadline_s=30)

    pushing.sync()
    pushing.converge()

    head = pushing.repository.head()
    assert pushing.repository.git("log", "-1", "--format=%P", head) == failed
    assert pushing.repository.read(head, WEB) == str(good).strip()
    running = [seen.image for seen in pushing.ours("web/front") if seen.state == "running"]
    assert running == ["stub:1"]
