"""The row of a Compose key: everything that the stages have to know of it.

The tables are SERVICE_KEYS (service_keys.py) and RESOURCE_KEYS (resource_keys.py). Each stage reads its own field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gitops_orch.manifest.keys.default_values import Completion
from gitops_orch.manifest.keys.forms import Form
from gitops_orch.manifest.keys.list_entry_keys import Index
from gitops_orch.manifest.keys.merge_rules import Merger, MergeTable
from gitops_orch.manifest.keys.path_rules import PathRule
from gitops_orch.manifest.keys.readers import Reader, entries, struct
from gitops_orch.manifest.keys.short_forms import Expander

Keys: TypeAlias = Mapping[str, "Key"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a key cannot be reconciled from Git, and what to do; next to `image` it is only skipped if that is advised."""

    why: str
    way_out: str

    @property
    def is_harmless_beside_image(self) -> bool:
        """Return whether a service that has an image is deployed without the key."""
        return "image" in self.way_out


@dataclass(frozen=True, slots=True)
class Key:
    """What the stages do with the value of one key. A field that is not set means that the stage does nothing special."""

    # None: the resolved model does not have the key.
    read: Reader | None = None
    # From the short form to the long one
    expand: Expander | None = None
    # None: mappings are merged key by key, lists one after the other, and of other values the later one counts.
    merge: Merger | MergeTable | None = None
    # Of two list entries with equal index, the later one counts.
    index: Index | None = None
    path: PathRule | None = None
    # Adds the defaults that Compose writes into the long form
    complete: Completion | None = None
    # The types in a file that `extends` names; None: those of `keys`
    form: Form | None = None
    # The known keys below this one
    keys: Keys = field(default_factory=dict)
    # The known keys of each member, where the members have names
    members: Keys = field(default_factory=dict)
    refused: Refusal | None = None
    # False: a `pre_start` container does not have the key (model/rules/pre_start_keys.py).
    copied: bool = True


def section(keys: Keys, **facts: Any) -> Key:
    """Return the row of a key that has a mapping with known keys."""
    return Key(struct(readers(keys)), keys=keys, **facts)


def listed(keys: Keys, **facts: Any) -> Key:
    """Return the row of a key that has a list of mappings, each with a short form, which is text."""
    entry = Form((str, dict), keys=forms(keys))
    return Key(entries(struct(readers(keys))), form=Form(values=entry, items=entry), **facts)


def readers(keys: Keys) -> dict[str, Reader]:
    """Return the reader of each key that the resolved model has."""
    return {name: key.read for name, key in keys.items() if key.read is not None}


def forms(keys: Keys) -> dict[str, Form]:
    """Return the form of each key that has one."""
    found = {name: key.form or Form(keys=forms(key.keys)) for name, key in keys.items()}
    return {name: form for name, form in found.items() if form != Form()}


def merge_table(keys: Keys) -> MergeTable:
    """Return the merge rule of each key that has one, or the table for the keys below it."""
    found = {name: key.merge or merge_table(key.keys) for name, key in keys.items()}
    return {name: rule for name, rule in found.items() if rule}
