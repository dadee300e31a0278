"""Builds the actions that start, replace and repair a service's containers, with lanes, canaries and gates."""
