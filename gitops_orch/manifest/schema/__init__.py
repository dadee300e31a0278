"""Validates Compose files and our own documents against their schemas."""
