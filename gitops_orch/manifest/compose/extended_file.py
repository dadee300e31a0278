"""Finds what Compose refuses in a file that `extends` names, also in services and sections that nothing extends.

Compose casts all values of such a file and reads its short forms, but validates only the extended service by its
schema. So `retries: abc` or `volumes: [5]` anywhere in the file is a mistake, and an unknown key is not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_orch.manifest.compose.pipeline import copied, without_mistakes
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.schema.compose_schema import describe, kind_of, schema_mistakes
from gitops_orch.manifest.stages.list_keys import drop_overridden
from gitops_orch.manifest.stages.long_forms import RESOURCE_KINDS, expand_model
from gitops_orch.manifest.syntax import go_values
from gitops_orch.manifest.syntax.go_values import InvalidValue
from gitops_orch.model.problem import Severity

_NULL = type(None)
_WORDS = {str: "text", int: "a whole number", dict: "a mapping", list: "a list"}


@dataclass(frozen=True, slots=True)
class _Form:
    """The types that Compose accepts for a value; without types, any.

    `keys`, `values` and `items` describe the values below it.
    """

    types: tuple[type, ...] = ()
    cast: Callable[[str], object] | None = None
    keys: Mapping[str, "_Form"] = field(default_factory=dict)
    values: "_Form | None" = None
    items: "_Form | None" = None


def check_extended_file(model: Any, report: Report) -> None:
    """Report what Compose refuses anywhere in a file; replace the values that it cannot cast by valid ones."""
    if type(model) is not dict:
        return
    odd = dict(_odd(model, _FILE, (), report))
    mistakes = dict(reversed(schema_mistakes(model))) if odd else {}
    for path, (form, value) in odd.items():
        wanted = " or ".join(_WORDS[kind] for kind in form.types if kind is not _NULL)
        report.error_at(path, mistakes.get(path) or f"must be {wanted}, is {_found(form, value)}")
    _check_short_forms(model, frozenset(odd), report)


def _found(form: "_Form", value: Any) -> str:
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


def _odd(
    value: Any, form: _Form, path: KeyPath, report: Report
) -> Iterator[tuple[KeyPath, tuple[_Form, Any]]]:
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


def _cast(value: Any, form: _Form, path: KeyPath, report: Report) -> Any:
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
_TEXT = _Form((str,))
_MAYBE_TEXT = _Form((str, _NULL))
_FLAG = _Form(cast=go_values.boolean)
_WHOLE = _Form(cast=go_values.integer)
_DECIMAL = _Form(cast=go_values.decimal)
_TEXTS = _Form(items=_TEXT)  # a list of texts; any other value is passed on


def _section(keys: Mapping[str, _Form]) -> _Form:
    return _Form(keys=keys)


def _each(entry: _Form, *types: type) -> _Form:
    return _Form(types, values=entry, items=entry)


def _entries(**keys: _Form) -> _Form:
    """Return the form of a value with a short form, which is text, and a long form."""
    return _each(_Form((str, dict), keys=keys))


_BUILD = _Form(
    (str, dict),
    keys={
        "context": _MAYBE_TEXT,
        "additional_contexts": _each(_TEXT, dict, list),
        "ssh": _Form((dict, list), items=_TEXT),
        "secrets": _entries(),
        "ulimits": _each(_Form((int, dict))),
        **dict.fromkeys(("args", "labels", "tags"), _TEXTS),
    },
)
_UPDATE = _section({"parallelism": _WHOLE, "max_failure_ratio": _DECIMAL})
_DEPLOY = _section(
    {
        "replicas": _WHOLE,
        "update_config": _UPDATE,
        "rollback_config": _UPDATE,
        "restart_policy": _section({"max_attempts": _WHOLE}),
        "placement": _section({"max_replicas_per_node": _WHOLE}),
        "labels": _TEXTS,
    }
)
_SERVICE = _section(
    {
        "build": _BUILD,
        "configs": _entries(mode=_WHOLE),
        "secrets": _entries(mode=_WHOLE),
        "depends_on": _Form((dict, list), items=_TEXT, values=_Form((dict,))),
        "deploy": _DEPLOY,
        "develop": _section({"watch": _Form(items=_section({"path": _Form((str, list, _NULL))}))}),
        "devices": _entries(target=_TEXT),
        "env_file": _Form((str, list), items=_section({"path": _MAYBE_TEXT})),
        "expose": _Form(items=_Form((str, int))),
        "extends": _Form((str, dict), keys={"file": _MAYBE_TEXT}),
        "gpus": _Form((str, list)),
        "healthcheck": _section({"retries": _WHOLE, "disable": _FLAG}),
        "label_file": _TEXTS,
        "networks": _Form(items=_TEXT, values=_section({"aliases": _TEXTS, "link_local_ips": _TEXTS})),
        "ports": _Form((list,), items=_Form((int, str, dict), keys={"target": _WHOLE})),
        "ulimits": _each(_Form((int, dict), cast=go_values.integer, keys={"soft": _WHOLE, "hard": _WHOLE})),
        "volumes": _entries(target=_TEXT, read_only=_FLAG, volume=_section({"nocopy": _FLAG})),
        **dict.fromkeys(("annotations", "environment", "labels", "links", "profiles", "sysctls"), _TEXTS),
        **dict.fromkeys(("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "tmpfs"), _TEXTS),
        **dict.fromkeys(("cpus", "cpu_percent"), _DECIMAL),
        **dict.fromkeys(("cpu_count", "cpu_shares", "cpu_period", "cpu_quota"), _WHOLE),
        **dict.fromkeys(("cpu_rt_period", "cpu_rt_runtime", "oom_score_adj", "pids_limit", "scale"), _WHOLE),
        **dict.fromkeys(("init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty"), _FLAG),
    }
)


def _resources(**keys: _Form) -> _Form:
    return _each(_Form((dict, _NULL), keys={"external": _FLAG, **keys}))


_FILE = _section(
    {
        "services": _Form(values=_SERVICE),
        "include": _Form(items=_Form((str, dict))),
        "networks": _resources(
            **dict.fromkeys(("internal", "attachable", "enable_ipv4", "enable_ipv6"), _FLAG), labels=_TEXTS
        ),
        **dict.fromkeys(("volumes", "secrets", "configs"), _resources()),
    }
)
