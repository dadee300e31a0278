"""The names of our labels that several rooms read; `engine/labels.py` has the others, and builds and reads all."""

LABEL_PREFIX = "gitops-orch."
# Containers of another instance are foreign, but not of a Compose project.
INSTANCE_LABEL = LABEL_PREFIX + "instance"
DEFINITION_LABEL = (
    LABEL_PREFIX + "spec-hash"
)  # a hash of what was declared: of a container, network or volume
# The commands to run in a container, readable after its service is removed from Git
HOOKS_LABEL = LABEL_PREFIX + "hooks"
MOUNTS_LABEL = LABEL_PREFIX + "mounts"
