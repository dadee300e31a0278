"""Publishes the outcome of each run: metrics, notices, and the text that systemd shows."""
