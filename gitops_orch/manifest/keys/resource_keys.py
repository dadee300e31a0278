"""The keys of top-level networks, volumes, secrets and configs: one row each (Compose specification)."""

from collections.abc import Mapping

from gitops_orch.manifest.keys import list_entry_keys, merge_rules, path_rules
from gitops_orch.manifest.keys.forms import FLAG, TEXTS
from gitops_orch.manifest.keys.key import Key, Keys, readers
from gitops_orch.manifest.keys.readers import (
    Reader,
    entries,
    flag,
    key_values,
    members,
    optional_flag,
    options,
    struct,
    text,
    text_or_empty,
    with_defaults,
)

_ADDRESS_POOL = struct({"subnet": text, "gateway": text, "ip_range": text, "aux_addresses": key_values})
_NETWORK: Keys = {
    "name": Key(text),
    "driver": Key(text),
    "driver_opts": Key(options),
    "ipam": Key(
        struct({"driver": text, "config": entries(_ADDRESS_POOL)}), merge={"config": merge_rules.ipam_config}
    ),
    "external": Key(flag, form=FLAG),
    "internal": Key(flag, form=FLAG),
    "attachable": Key(flag, form=FLAG),
    "labels": Key(key_values, merge=merge_rules.as_sequence, index=list_entry_keys.before_equals, form=TEXTS),
    "enable_ipv4": Key(optional_flag, form=FLAG),
    "enable_ipv6": Key(optional_flag, form=FLAG),
}
_VOLUME: Keys = {
    "name": Key(text),
    "driver": Key(text),
    "driver_opts": Key(options, path=path_rules.device_of_bind),
    "external": Key(flag, form=FLAG),
    "labels": Key(key_values, merge=merge_rules.as_sequence),
}
_FILE_OBJECT: Keys = {
    "name": Key(text),
    "file": Key(text, path=path_rules.file),
    "environment": Key(text),
    "external": Key(flag, form=FLAG),
    "labels": Key(key_values),
    "driver": Key(text),
    "driver_opts": Key(members(text_or_empty)),
    "template_driver": Key(text),
}
RESOURCE_KEYS: Mapping[str, Keys] = {
    "networks": _NETWORK,
    "volumes": _VOLUME,
    "secrets": _FILE_OBJECT,
    "configs": {**_FILE_OBJECT, "content": Key(text)},
}
RESOURCE_KINDS = tuple(RESOURCE_KEYS)


def resource_readers() -> dict[str, Reader]:
    """Return a reader of a resource for each kind."""
    found = {kind: struct(readers(keys)) for kind, keys in RESOURCE_KEYS.items()}
    return {**found, "networks": with_defaults(found["networks"], {"ipam": {}})}
