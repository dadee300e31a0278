"""The Compose keys of a service that its `pre_start` containers do not have.

They must not exist twice, such as names, ports and addresses, or they are about how the service itself is run. In the
table of keys (manifest/keys/service_keys.py) these rows have `copied=False`.
"""

NOT_COPIED = frozenset(
    {
        *("container_name", "depends_on", "deploy", "expose", "healthcheck", "labels", "mac_address"),
        *("ports", "post_start", "pre_start", "pre_stop", "restart", "scale"),
    }
)
