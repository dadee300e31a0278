"""A tag that is pushed again: with `pull_policy: always`, or by `sync --pull`, what it names now is what runs."""

import pytest
from integration.test_registry import write_credentials
from integration.world import World, compose, service
from lab.commands import wait_for
from lab.registry import Registry

WEB = "apps/web/compose.yaml"
EXIT_FAILED = 4  # a release failed


def web(image: str, **more: object) -> dict[str, str]:
    return {WEB: compose({"front": service(image, **more)})}


def image_id(world: World, image: str) -> str:
    with world.host.client() as client:
        return str(client.inspect_image(image)["Id"])


@pytest.fixture(params=["world", "world26"])
def any_world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(request.param)


def test_with_always_what_the_tag_names_now_is_rolled_out_with_both_digests_in_the_reason(
    any_world: World, registry: Registry
):
    world, name = any_world, f"moved/always-{id(any_world)}:prod"
    image = registry.push(world.host, "stub:1", name=name)
    world.commit(web(image, pull_policy="always"))
    world.converge()
    first = world.one("web/front")
    world.expect_nothing_to_do()

    registry.push(world.host, "stub:2", name=name)
    plan = world.run("plan")
    world.converge()

    after = world.one("web/front")
    assert after.image_id == image_id(world, "stub:2") != first.image_id
    reasons = [action["reason"] for action in plan.actions if action["kind"] == "create"]
    assert len(reasons) == 1
    assert "was pushed again: sha256:" in reasons[0]
    assert "-> sha256:" in reasons[0]
    world.converge()
    assert world.one("web/front") == after

    registry.push(world.host, "stub:3", name=name)
    world.converge()
    assert world.one("web/front").image_id == image_id(world, "stub:3")


def test_bytes_that_fail_go_back_to_the_former_and_are_not_tried_again(world: World, registry: Registry):
    image = registry.push(world.host, "stub:1", name="moved/bad:prod")
    world.commit(web(image, pull_policy="always"))
    world.converge()
    good = world.one("web/front").image_id

    registry.push(world.host, "stub:crash", name="moved/bad:prod")
    world.sync()
    running = [seen for seen in world.ours("web/front") if seen.state == "running"]
    assert [seen.image_id for seen in running] == [good]
    again = world.sync()
    assert again.actions == []
    assert "which failed" in again.text

    registry.push(world.host, "stub:2", name="moved/bad:prod")
    world.converge()
    assert world.one("web/front").image_id == image_id(world, "stub:2")


def test_without_a_policy_nothing_happens_until_sync_pull(world: World, registry: Registry):
    image = registry.push(world.host, "stub:1", name="moved/quiet:prod")
    world.commit(web(image))
    world.converge()
    before = world.one("web/front")
    registry.push(world.host, "stub:2", name="moved/quiet:prod")

    world.converge()
    assert world.one("web/front") == before
    assert world.run("sync", "--pull").exit_code == 0
    after = world.one("web/front")
    assert after.image_id == image_id(world, "stub:2")
    world.converge()
    assert world.one("web/front") == after


def test_bytes_that_come_back_are_what_the_next_ones_that_fail_go_back_to(world: World, registry: Registry):
    image = registry.push(world.host, "stub:1", name="moved/there-and-back:prod")
    world.commit(web(image, pull_policy="always"))
    world.converge()
    for variant in ("stub:2", "stub:1", "stub:crash"):
        registry.push(world.host, variant, name="moved/there-and-back:prod")
        world.sync()
    assert world.one("web/front").image_id == image_id(world, "stub:1")


def test_retry_tries_bytes_that_failed_once_more(world: World, registry: Registry):
    image = registry.push(world.host, "stub:1", name="moved/retry:prod")
    world.commit(web(image, pull_policy="always"))
    world.converge()
    registry.push(world.host, "stub:crash", name="moved/retry:prod")
    assert world.sync().exit_code == EXIT_FAILED
    assert world.sync().actions == []

    assert world.run("retry", "web").exit_code == 0
    assert world.sync().exit_code == EXIT_FAILED
    assert world.one("web/front").image_id == image_id(world, "stub:1")
    assert world.sync().actions == []


def test_a_timed_policy_checks_the_tag_again_only_when_its_period_is_over(world: World, registry: Registry):
    name = "moved/timed:prod"
    image = registry.push(world.host, "stub:1", name=name)
    world.commit(web(image, pull_policy="every_1h"))
    world.converge()
    before = world.one("web/front")
    registry.push(world.host, "stub:2", name=name)
    world.converge()
    assert world.one("web/front") == before

    world.commit(web(image, pull_policy="every_1s"))
    wait_for(
        "the tag's new bytes", lambda: world.sync() and world.one("web/front").image_id != before.image_id
    )
    assert world.one("web/front").image_id == image_id(world, "stub:2")


def test_the_credentials_of_the_settings_are_used_to_compare_a_tag(world: World, private_registry: Registry):
    name = "moved/private:prod"
    image = private_registry.push(world.host, "stub:1", name=name)
    write_credentials(world, private_registry, "pw")
    world.commit(web(image, pull_policy="always"))
    world.converge()
    private_registry.push(world.host, "stub:2", name=name)
    before = world.one("web/front")

    write_credentials(world, private_registry, "not-the-password")
    refused = world.sync()
    assert refused.exit_code == 0
    assert world.one("web/front") == before
    assert "not-the-password" not in refused.text

    write_credentials(world, private_registry, "pw")
    world.converge()
    assert world.one("web/front").image_id == image_id(world, "stub:2")


def test_a_registry_that_is_down_changes_nothing(world: World, registry: Registry):
    image = registry.push(world.host, "stub:1", name="moved/down:prod")
    with world.host.client() as client:
        client.pull(*image.rsplit(":", 1))
        client.tag(image, "127.0.0.1:9/down", "prod")
    world.commit(web("127.0.0.1:9/down:prod"))
    world.converge()
    before = world.one("web/front")
    world.commit(web("127.0.0.1:9/down:prod", pull_policy="always"))
    for verb in (["sync"], ["sync", "--pull"]):
        reply = world.run(*verb)
        assert (reply.exit_code, reply.actions) == (0, [])
    assert world.one("web/front") == before


def test_an_image_that_no_registry_has_stays_as_it_is(world: World):
    world.commit(web("stub:1"))
    world.converge()
    before = world.one("web/front")
    assert world.run("sync", "--pull").exit_code == 0
    assert world.one("web/front") == before
