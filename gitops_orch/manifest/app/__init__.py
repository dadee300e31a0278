"""Compiles one Compose file to one app: its services, jobs, checks, policy and mounted files."""
