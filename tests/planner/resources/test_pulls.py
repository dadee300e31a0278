"""Which images are pulled for new containers: their own, and those that they mount."""

import pytest

from gitops_orch.model.job import Hook
from gitops_orch.model.observed import ObservedImage
from gitops_orch.model.plan.kinds import Create, Kind, Pull
from gitops_orch.model.rules.platform import suits
from gitops_orch.planner.inputs.world import ImagePin, TagState, TargetRelease
from gitops_orch.planner.plan import make_plan
from tests.planner.builders import COMMIT, IMAGE, IMAGE_ID, app, payloads, seen, service, world
from tests.planner.test_jobs import prepared_world

DIGEST = "sha256:" + "a" * 64
MOUNT = {"volumes": [{"type": "image", "source": "models:1", "target": "/m"}]}


def pulls(compose: dict[str, object], **fields: object) -> list[tuple[str, str]]:
    made = app("shop", service("api", compose=compose))
    plan = make_plan(world(made, observed={"h1": seen("h1", apps=(made,), **fields)}))
    return [(action.name, action.reason) for action in plan.actions if action.kind is Kind.PULL]


def test_an_image_that_is_mounted_is_pulled_where_the_host_lacks_it() -> None:
    assert pulls(MOUNT) == [("models:1", "api needs it, and it is not on the host")]


def test_an_image_that_is_mounted_twice_is_pulled_once() -> None:
    twice = {"volumes": [*MOUNT["volumes"], {"type": "image", "source": "models:1", "target": "/n"}]}
    assert len(pulls(twice)) == 1


def test_an_image_that_is_mounted_and_there_is_not_pulled() -> None:
    assert (
        pulls({"volumes": [{"type": "image", "source": f"docker.io/library/{IMAGE}", "target": "/m"}]}) == []
    )


@pytest.mark.parametrize("policy", ["always", "daily", "weekly", "every_12h"])
def test_a_policy_that_asks_again_pulls_what_is_there(policy: str) -> None:
    assert pulls({"pull_policy": policy}) == [(IMAGE, "api needs it, and pull_policy asks for it")]


@pytest.mark.parametrize("policy", ["missing", "never", "build"])
def test_another_policy_pulls_nothing_that_is_there(policy: str) -> None:
    assert pulls({"pull_policy": policy}) == []
    assert pulls({"pull_policy": policy}, images=()) == (
        [] if policy == "never" else [(IMAGE, "api needs it, and it is not on the host")]
    )


def claimed(policy: str, image: str = IMAGE, **chosen: object) -> str:
    """Return the image id that a new container claims to be made from; the host has the image."""
    made = app("shop", service("api", image=image, compose={"pull_policy": policy}))
    there = ObservedImage(id=IMAGE_ID, tags=(IMAGE,), digests=(f"stub@{DIGEST}",))
    host = seen("h1", apps=(made,), images=(there,))
    plan = make_plan(
        world(targets=(TargetRelease(app=made, commit=COMMIT, **chosen),), observed={"h1": host})
    )
    (intent,) = [create.container for create in payloads(plan, Create)]
    return intent.image_digest


@pytest.mark.parametrize("policy", ["always", "daily", "every_12h"])
def test_a_container_claims_no_bytes_where_its_tag_is_pulled_first(policy: str) -> None:
    assert claimed(policy) == ""
    assert claimed(policy, tags={"api": TagState(digest=DIGEST)}) == ""


def test_a_container_claims_the_bytes_that_no_pull_can_change() -> None:
    assert claimed("missing") == IMAGE_ID
    assert claimed("always", image=f"stub@{DIGEST}") == IMAGE_ID
    assert claimed("always", images={"api": ImagePin(id=IMAGE_ID, digests=())}) == IMAGE_ID


ARM = {"platform": "linux/arm64"}


def pulled(compose: dict[str, object], **fields: object) -> list[tuple[str, bool]]:
    """Return the platform of each pull, and whether an image that is there will do."""
    made = app("shop", service("api", compose=compose))
    plan = make_plan(world(made, observed={"h1": seen("h1", apps=(made,), **fields)}))
    return [(each.platform, each.local_suffices) for each in payloads(plan, Pull)]


def test_a_pull_is_for_the_platform_that_the_service_asks_for() -> None:
    assert pulled(ARM, images=()) == [("linux/arm64", False)]
    assert pulled({**ARM, "pull_policy": "always"}) == [("linux/arm64", False)]


def test_an_image_that_is_there_is_pulled_if_it_is_for_another_platform() -> None:
    assert pulled(ARM) == [("linux/arm64", True)]
    assert pulls(ARM) == [(IMAGE, "api needs it, and it must be one for linux/arm64")]


def test_a_service_without_a_platform_and_one_that_never_pulls_ask_for_none() -> None:
    assert pulled({}) == pulled({**ARM, "pull_policy": "never"}) == []


def test_two_services_of_one_image_pull_it_once_and_really_if_one_of_them_must() -> None:
    made = app("shop", service("api", compose=ARM), service("web", compose={**ARM, "pull_policy": "always"}))
    plan = make_plan(world(made, observed={"h1": seen("h1", apps=(made,))}))
    assert [each.local_suffices for each in payloads(plan, Pull)] == [False]


def test_the_image_of_a_hook_is_for_the_platform_of_its_service() -> None:
    hook = Hook(command=("up",), image="tool:1")
    plan = make_plan(prepared_world(app("shop", service(pre_start=(hook,), compose=ARM))))
    assert ("tool:1", "linux/arm64") in {(each.image, each.platform) for each in payloads(plan, Pull)}


@pytest.mark.parametrize(
    ("wanted", "has", "suits_it"),
    [
        ("linux/amd64", ("linux", "amd64", ""), True),
        ("linux/arm64", ("linux", "amd64", ""), False),
        ("linux/arm64/v8", ("linux", "arm64", ""), True),
        ("linux/arm64", ("linux", "arm64", "v8"), True),
        ("linux/arm/v6", ("linux", "arm", "v7"), False),
        ("linux/arm", ("linux", "arm", "v7"), True),
        ("aarch64", ("linux", "arm64", "v8"), True),
        ("Linux/x86_64", ("linux", "amd64", ""), True),
        ("windows/amd64", ("linux", "amd64", ""), False),
        ("linux", ("linux", "riscv64", ""), True),
    ],
)
def test_a_platform_is_compared_by_what_it_means(wanted: str, has: tuple[str, ...], suits_it: object) -> None:
    assert suits(wanted, *has) is suits_it
