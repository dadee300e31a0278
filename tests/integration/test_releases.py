"""A release that fails its gate, the way back, and what may be removed at once."""

import pytest
from integration.world import World, compose, service

WEB, SHOP = "apps/web/compose.yaml", "apps/shop/compose.yaml"
SHORT_GATE = {"update_config": {"monitor": "2s"}}


def web(image: str, **more: object) -> dict[str, str]:
    return {WEB: compose({"front": service(image, deploy=SHORT_GATE, **more)})}


class TestAFailedGate:
    @pytest.mark.parametrize("ports", [[], ["18081:8080"]], ids=["start-first", "stop-first"])
    def test_leaves_the_old_one_running_and_is_not_tried_again_until_the_app_changes(
        self, world: World, ports: list[str]
    ):
        stable = world.commit(web("stub:1", ports=ports))
        world.deploy()
        old = world.one("web/front")

        world.commit(web("stub:crash", ports=ports))
        failed = world.sync()

        running = [seen for seen in world.ours("web/front") if seen.state == "running"]
        assert failed.exit_code == 4, failed.text
        assert [seen.id for seen in running] == [old.id]
        row = failed.app("web")
        assert (row["sync"], row["release_state"], row["commit"]) == ("out-of-sync", "rolled-back", stable)

        again, plan = world.sync(), world.run("plan")
        assert (again.exit_code, again.actions) == (4, [])
        assert any("failed" in hold["reason"] for hold in plan.document["holds"])

        world.commit(web("stub:2", ports=ports))
        world.converge()
        assert world.one("web/front").image == "stub:2"

    def test_does_not_hold_up_another_app_nor_a_commit_that_leaves_it_as_it_is(self, world: World):
        world.commit(web("stub:1") | {SHOP: compose({"api": service("stub:1")})})
        world.deploy()
        world.commit(web("stub:crash"))
        assert world.sync().exit_code == 4

        world.commit({SHOP: compose({"api": service("stub:2")})})
        reply = world.sync()

        assert reply.exit_code == 4
        assert world.one("shop/api").image == "stub:2"
        assert reply.app("shop")["sync"] == "in-sync"
        assert not [action for action in reply.actions if action["app"] == "web"]

    def test_is_tried_again_when_a_person_says_so(self, world: World):
        world.commit(web("stub:1"))
        world.deploy()
        world.commit(web("stub:crash"))
        assert world.sync().exit_code == 4

        assert world.run("retry", "web").exit_code == 0
        reply = world.sync()

        assert reply.exit_code == 4
        assert "wait_healthy" in reply.kinds

    def test_of_a_first_release_leaves_it_running_and_says_why(self, world: World):
        world.commit(web("stub:unhealthy"))

        reply = world.sync()

        assert reply.exit_code == 4, reply.text
        assert "unhealthy" in reply.text
        assert {seen.state for seen in world.ours()} == {"running"}  # there is nothing to go back to


class TestRollback:
    @pytest.fixture
    def moved_on(self, world: World) -> tuple[World, str]:
        first = world.commit(web("stub:1") | {SHOP: compose({"api": service("stub:1")})})
        world.deploy()
        world.commit(web("stub:2"))
        world.converge()
        world.commit({SHOP: compose({"api": service("stub:3")})})
        world.converge()
        return world, first

    def test_pushes_a_revert_of_one_app_and_leaves_the_others_newer_commits(
        self, moved_on: tuple[World, str]
    ):
        world, first = moved_on
        api = world.one("shop/api")

        reply = world.run("rollback", "web")

        assert reply.exit_code == 0, reply.text
        head = world.repository.head()
        assert reply.document["commit"] == head
        assert world.repository.read(head, WEB) == world.repository.read(first, WEB)
        assert world.repository.read(head, SHOP) == world.repository.read(f"{head}~1", SHOP)
        world.converge()
        assert world.one("web/front").image == "stub:1"
        assert world.one("shop/api") == api

    def test_refuses_a_commit_id_that_is_empty_or_malformed(self, moved_on: tuple[World, str]):
        world, _ = moved_on
        head = world.repository.head()

        for commit in ("", " ", "main^{", "0" * 40, "-q", "HEAD:main", "zzz", ":", "..", f"{head}\n"):
            reply = world.run("rollback", "web", f"--to={commit}")
            assert reply.exit_code == 1, (commit, reply.text)
            assert world.repository.head() == head, commit

    def test_without_a_push_pins_the_app_and_leaves_git(self, moved_on: tuple[World, str]):
        world, _ = moved_on
        head = world.repository.head()

        assert world.run("rollback", "web", "--no-push").exit_code == 0
        world.sync()

        assert world.repository.head() == head
        assert world.one("web/front").image == "stub:1"
        assert world.run("unpin", "web").exit_code == 0
        world.deploy()
        assert world.one("web/front").image == "stub:2"


class TestTheRemovalBudget:
    @pytest.fixture
    def dozen(self, world: World) -> World:
        world.commit(
            {
                WEB: compose({"front": service(deploy={"replicas": 7})}),
                SHOP: compose({"api": service(deploy={"replicas": 5})}),
            }
        )
        world.deploy()
        return world

    def test_refuses_a_commit_that_removes_too_much_and_lets_through_one_that_says_so(self, dozen: World):
        before = dozen.containers()

        dozen.commit({SHOP: None})
        refused = dozen.sync()

        assert refused.exit_code == 1
        assert "5 of 12 containers" in refused.text
        assert dozen.containers() == before

        dozen.commit({}, message="shop is retired\n\nAllow-Prune: shop\n")
        dozen.deploy()
        assert {seen.service for seen in dozen.ours()} == {"web/front"}
        assert len(dozen.ours()) == 7

    def test_never_lets_everything_go_at_once(self, dozen: World):
        before = dozen.containers()

        dozen.commit({SHOP: None, WEB: None}, message="all\n\nAllow-Prune: shop\nAllow-Prune: web\n")
        reply = dozen.sync()

        assert reply.exit_code == 1
        assert "all 12 containers" in reply.text
        assert dozen.containers() == before

    def test_does_not_count_what_is_scaled_down(self, dozen: World):
        dozen.commit({WEB: compose({"front": service(deploy={"replicas": 1})})})
        dozen.converge()

        assert len(dozen.ours()) == 6
