"""The types that Compose accepts for a value in a file that `extends` names, and how it casts texts there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gitops_orch.manifest.syntax import go_values

NULL = type(None)


@dataclass(frozen=True, slots=True)
class Form:
    """The types that Compose accepts for a value; without types, any.

    `keys`, `values` and `items` describe the values below it.
    """

    types: tuple[type, ...] = ()
    cast: Callable[[str], object] | None = None
    keys: Mapping[str, "Form"] = field(default_factory=dict)
    values: "Form | None" = None
    items: "Form | None" = None


TEXT = Form((str,))
MAYBE_TEXT = Form((str, NULL))
FLAG = Form(cast=go_values.boolean)
WHOLE = Form(cast=go_values.integer)
DECIMAL = Form(cast=go_values.decimal)
TEXTS = Form(items=TEXT)  # a list of texts; any other value is passed on


def each(entry: Form, *types: type) -> Form:
    """Return the form of a list or a mapping whose entries all have the same form."""
    return Form(types, values=entry, items=entry)
