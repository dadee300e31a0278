"""Decides whether an unhealthy container is restarted, and when healing backs off."""
