"""Decides what a failed container of a new release means for its service and its app."""

from gitops_orch.model.app import App, FailureAction, Service


def is_tolerated(service: Service) -> bool:
    """Return whether some or all containers of a service may fail without a failure of its release."""
    return service.update.failure_action is FailureAction.CONTINUE or service.update.failure_ratio_max > 0


def pauses(app: App) -> bool:
    """Return whether a failed release pauses the app instead of a rollback; one such service is enough."""
    return any(service.update.failure_action is FailureAction.PAUSE for service in app.services)
