"""Reads each key of a Compose service, network, volume, secret and config."""
