"""The keys of top-level networks, volumes, secrets and configs (Compose specification)."""

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

_FILE_OBJECT: dict[str, Reader] = {
    "name": text,
    "file": text,
    "environment": text,
    "external": flag,
    "labels": key_values,
    "driver": text,
    "driver_opts": members(text_or_empty),
    "template_driver": text,
}
RESOURCE_FIELDS: dict[str, Reader] = {
    "networks": with_defaults(
        struct(
            {
                "name": text,
                "driver": text,
                "driver_opts": options,
                "ipam": struct(
                    {
                        "driver": text,
                        "config": entries(
                            struct(
                                {
                                    "subnet": text,
                                    "gateway": text,
                                    "ip_range": text,
                                    "aux_addresses": key_values,
                                }
                            )
                        ),
                    }
                ),
                "external": flag,
                "internal": flag,
                "attachable": flag,
                "labels": key_values,
                "enable_ipv4": optional_flag,
                "enable_ipv6": optional_flag,
            }
        ),
        {"ipam": {}},
    ),
    "volumes": struct(
        {"name": text, "driver": text, "driver_opts": options, "external": flag, "labels": key_values}
    ),
    "secrets": struct(_FILE_OBJECT),
    "configs": struct({**_FILE_OBJECT, "content": text}),
}
