"""Computes the request that creates the container of a service, and the hash of that request."""
