"""Observes every host, and checks that each host is still the same Engine."""
