"""Observes a host's containers, images, networks and volumes, and tells owned containers from foreign ones."""
