"""What a service or an app asks for where a container of a new release fails."""

from gitops_orch.model.app import App, FailureAction, Service


def is_tolerated(service: Service) -> bool:
    """Tell whether containers of a service may fail, some or all, without failing its release."""
    return service.update.failure_action is FailureAction.CONTINUE or service.update.failure_ratio_max > 0


def pauses(app: App) -> bool:
    """Tell whether an app stops where its release fails, instead of going back: the most cautious service decides."""
    return any(service.update.failure_action is FailureAction.PAUSE for service in app.services)
