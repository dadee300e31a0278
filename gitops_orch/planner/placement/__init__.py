"""Assigns each slot of a service to a host, near its data and with its ports free."""
