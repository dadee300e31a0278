"""Detects that a commit loses the settings of the Fleet document.

All apps would be deployed again with empty variables.
"""

from gitops_orch.model.host import Fleet

NAMES_MAX = 5


def removed_fleet_settings(before: Fleet, after: Fleet) -> str:
    """Return what the Fleet document has lost and how to confirm it; "" if it did not lose everything at once.

    A document that still has the key, such as `variables: {}`, is intended.
    """
    if before.variables and "variables" not in after.declared:
        names = sorted(before.variables)
        more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
        lost = f"all variables of the Fleet document ({', '.join(names[:NAMES_MAX])}{more})"
        return f"{lost}. If this is meant, write `variables: {{}}` below spec in gitops.yaml"
    if before.declared and not after.declared:
        lost = f"all of the Fleet document ({', '.join(sorted(before.declared))})"
        return f"{lost}. If this is meant, write the keys that are left, such as `variables: {{}}`, below spec in gitops.yaml"
    return ""
