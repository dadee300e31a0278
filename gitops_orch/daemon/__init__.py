"""Builds the application from its settings, and runs it as a service."""
