"""The keys of a service by which it uses the namespaces of another container.

Note [uts and cgroup]
Compose reads `service:NAME` in five keys as a dependency, but gives an Engine the container of that service in three of
them only. No Engine has a container's UTS or cgroup namespace for others: `uts: service:NAME` is an error (the schema
refuses it for `cgroup`), and only the three keys make a service a child of another one.
"""

NAMESPACE_KEYS = ("network_mode", "ipc", "pid")
DEPENDENCY_KEYS = (*NAMESPACE_KEYS, "uts", "cgroup")  # of `service:NAME`
OF_SERVICE = "service:"
OF_CONTAINER = "container:"
