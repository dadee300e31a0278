"""Which containers are ours: labels are input, and never alone a proof."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from contract.making import app_with, intent

from gitops_orch.engine import labels
from gitops_orch.engine.observe.container_identity import own_labels, without_copies
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import OwnedContainer, State, by_ownership

KEY = AppKey(namespace="default", name="shop")
INTENT = intent(app_with(KEY))
OURS = labels.container_labels("one", INTENT)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def seen(name: str, *, age_s: int, **changes: object) -> OwnedContainer:
    made = OwnedContainer(
        host="h1",
        id=name,
        name=name,
        image="shop/api:1",
        image_id="sha256:1",
        state=State.RUNNING,
        owner=labels.parse_ownership(OURS, "one"),
        created_at=CREATED - timedelta(seconds=age_s),
    )
    return replace(made, **changes)


def ours(*containers: OwnedContainer) -> list[str]:
    owned, _ = by_ownership(without_copies(containers))
    return [each.name for each in owned]


@pytest.mark.parametrize("slot", ["99999999999999999", "9" * 400, "4000000001", "1e3", "٣"])
def test_a_slot_that_no_calendar_has_makes_a_container_foreign(slot: str) -> None:
    assert labels.parse_ownership({**OURS, labels.SLOT: slot}, "one") is None


@pytest.mark.parametrize("label", [labels.COMMIT, labels.RELEASE, labels.SALT, labels.APP, labels.SERVICE])
@pytest.mark.parametrize("value", ["--upload-pack=touch /tmp/x", "a b", "x" * 256, "a\nb", "../../etc"])
def test_a_value_that_we_would_not_write_makes_a_container_foreign(label: str, value: str) -> None:
    assert labels.parse_ownership({**OURS, label: value}, "one") is None


def test_a_container_of_a_committed_container_has_nothing_of_its_own() -> None:
    found = own_labels({**OURS, "mine": "1"}, OURS)
    assert found == {"mine": "1"}


def test_a_label_of_an_image_hides_no_container_of_ours_and_gives_it_no_hooks() -> None:
    image = {labels.CARRIER: "true", labels.HOOKS_LABEL: "{}", labels.FILLING: "x"}
    found = own_labels({**image, **OURS}, image)
    assert labels.parse_ownership(found, "one") == labels.parse_ownership(OURS, "one")
    assert labels.HOOKS_LABEL not in found


def test_a_container_of_ours_from_a_committed_container_of_ours_is_ours() -> None:
    later = {**OURS, labels.COMMIT: "b" * 40, labels.SPEC_HASH: "c" * 64}
    assert own_labels(later, OURS) == later


def test_a_copy_beside_its_original_is_not_ours_and_names_it() -> None:
    original, copy = seen(INTENT.name, age_s=60), seen("debug", age_s=5)
    assert ours(original, copy) == [INTENT.name]
    _, foreign = by_ownership(without_copies((original, copy)))
    assert [(each.name, each.copy_of) for each in foreign] == [("debug", INTENT.name)]


@pytest.mark.parametrize("suffix", ["-kept", "-failed", "-old-abcdef0", "-abcdef0-failed"])
def test_what_was_set_aside_is_no_copy(suffix: str) -> None:
    both = seen(INTENT.name, age_s=60), seen(INTENT.name + suffix, age_s=5)
    assert len(ours(*both)) == 2


def test_a_renamed_container_is_no_copy_of_its_successor() -> None:
    assert len(ours(seen("renamed-by-hand", age_s=60), seen(INTENT.name, age_s=5))) == 2


def test_a_renamed_container_alone_stays_ours() -> None:
    assert ours(seen("renamed-by-hand", age_s=60)) == ["renamed-by-hand"]


def test_a_container_that_an_older_version_created_stays_ours() -> None:
    former = {key: value for key, value in OURS.items() if key != labels.NAME}
    assert labels.parse_ownership(own_labels(former, {}), "one") is not None


def test_a_copy_of_what_an_older_version_created_is_told_by_the_usual_form_of_a_name() -> None:
    former = labels.parse_ownership({**OURS, labels.NAME: ""}, "one")
    original, copy = (seen(name, age_s=age, owner=former) for name, age in ((INTENT.name, 60), ("copy", 5)))
    assert ours(original, copy) == [INTENT.name]


@pytest.mark.parametrize("suffix", ["-old-abcdef0-kept", "-kept", "-failed"])
@pytest.mark.parametrize("image", ["sha256:1", "sha256:2"])
def test_a_successor_that_a_person_renamed_is_no_copy_of_its_predecessor(suffix: str, image: str) -> None:
    later = labels.container_labels("one", replace(INTENT, generation="abcdef0"))
    successor = seen("renamed-by-hand", age_s=5, owner=labels.parse_ownership(later, "one"), image_id=image)
    assert len(ours(seen(INTENT.name + suffix, age_s=60), successor)) == 2


def test_a_copy_of_a_successor_is_not_ours_beside_it() -> None:
    owner = labels.parse_ownership(
        labels.container_labels("one", replace(INTENT, generation="abcdef0")), "one"
    )
    former, later = seen(INTENT.name + "-kept", age_s=60), seen(INTENT.name, age_s=30, owner=owner)
    assert ours(former, later, seen("debug", age_s=5, owner=owner)) == [former.name, later.name]
