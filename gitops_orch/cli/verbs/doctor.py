"""Defines `doctor`, which checks every dependency of the controller and prints how to repair it."""

from gitops_orch.cli import exit_codes
from gitops_orch.cli.render.record_text import render_doctor
from gitops_orch.cli.shell import Shell
from gitops_orch.model.documents.document import Document


def doctor(shell: Shell) -> int:
    """Check settings, Git, Engines, state and clock."""
    from gitops_orch.daemon.doctor import examine

    with shell.busy("trying everything"):
        checks = examine(shell.settings)
    document: Document = {
        "ok": all(check.ok for check in checks),
        "checks": [
            {"check": check.name, "ok": check.ok, "found": check.found, "fix": check.fix} for check in checks
        ],
    }
    shell.show(document, render_doctor)
    return exit_codes.OK if document["ok"] else exit_codes.ERROR
