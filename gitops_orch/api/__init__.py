"""Answers HTTP requests for health and metrics."""
