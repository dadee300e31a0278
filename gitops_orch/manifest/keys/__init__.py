"""Reads the value of each key of a Compose service, network, volume, secret or config."""
