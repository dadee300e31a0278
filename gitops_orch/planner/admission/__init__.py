"""Decides whether an app may start to change: its ports, addresses and probes must not conflict."""
