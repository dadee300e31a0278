"""Simulates a Docker host in memory, with faults and with changes by other tools."""
