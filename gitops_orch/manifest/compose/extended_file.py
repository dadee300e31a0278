"""Finds what Compose refuses in a file that `extends` names, also in services and sections that nothing extends.

Compose casts all values of such a file and reads its short forms, but validates only the extended service by its
schema. So `retries: abc` or `volumes: [5]` anywhere in the file is a mistake, and an unknown key is not.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitops_orch.manifest.compose.pipeline import copied, without_mistakes
from gitops_orch.manifest.keys.forms import NULL, Form, each
from gitops_orch.manifest.keys.key import forms
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KEYS, RESOURCE_KINDS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.schema.compose_schema import describe, kind_of, schema_mistakes
from gitops_orch.manifest.stages.list_keys import drop_overridden
from gitops_orch.manifest.stages.long_forms import expand_model
from gitops_orch.manifest.syntax import go_values
from gitops_orch.manifest.syntax.go_values import InvalidValue
from gitops_orch.model.problem import Severity

_WORDS = {str: "text", int: "a whole number", dict: "a mapping", list: "a list"}


def check_extended_file(model: Any, report: Report) -> None:
    """Report what Compose refuses anywhere in a file; replace the values that it cannot cast by valid ones."""
    if type(model) is not dict:
        return
    odd = dict(_odd(model, _FILE, (), report))
    mistakes = dict(reversed(schema_mistakes(model))) if odd else {}
    for path, (form, value) in odd.items():
        wanted = " or ".join(_WORDS[kind] for kind in form.types if kind is not NULL)
        report.error_at(path, mistakes.get(path) or f"must be {wanted}, is {_found(form, value)}")
    _check_short_forms(model, frozenset(odd), report)


def _found(form: Form, value: Any) -> str:
    return kind_of(value) if dict in form.types else describe(value)


def _check_short_forms(model: dict[str, Any], odd: frozenset[KeyPath], report: Report) -> None:
    """Report unreadable short forms, and list entries without their key; the model stays unchanged."""
    inner = Report(budget=report.budget)
    sound = copied({key: model[key] for key in ("services", *RESOURCE_KINDS) if key in model})
    unread = Report()  # mistakes by the schema, which are not reported here
    without_mistakes(sound, unread)
    drop_overridden(sound, inner)
    expand_model(sound, inner)
    parents = {finding.path[:-1] for finding in unread.findings} | odd
    for finding in inner.findings:
        if (
            finding.severity is Severity.ERROR
            and finding.path not in parents
            and finding.path[-1:] != ("required",)
        ):
            report.error_at(finding.path, finding.message)


def _odd(value: Any, form: Form, path: KeyPath, report: Report) -> Iterator[tuple[KeyPath, tuple[Form, Any]]]:
    """Yield the values of a type that Compose does not accept; texts are cast during the walk, in place."""
    if form.types and type(value) not in form.types:
        yield path, (form, value)
    elif type(value) is dict:
        for key, each in value.items():
            below = form.keys.get(key, form.values)
            if below is not None:
                value[key] = _cast(each, below, (*path, key), report)
                yield from _odd(value[key], below, (*path, key), report)
    elif type(value) is list and form.items is not None:
        for index, each in enumerate(value):
            value[index] = _cast(each, form.items, (*path, index), report)
            yield from _odd(value[index], form.items, (*path, index), report)


def _cast(value: Any, form: Form, path: KeyPath, report: Report) -> Any:
    if form.cast is None or type(value) is not str:
        return value
    try:
        meant = form.cast(value)
    except InvalidValue as error:
        report.error_at(path, str(error))
        return _STAND_IN[form.cast]
    return meant if form.types else value  # a key with types has them only after the cast


_STAND_IN: Mapping[Callable[[str], object], object] = {
    go_values.boolean: False,
    go_values.integer: 1,
    go_values.decimal: 1,
}
_FILE = Form(
    keys={
        "services": Form(values=Form(keys=forms(SERVICE_KEYS))),
        "include": Form(items=Form((str, dict))),
        **{kind: each(Form((dict, NULL), keys=forms(keys))) for kind, keys in RESOURCE_KEYS.items()},
    }
)
