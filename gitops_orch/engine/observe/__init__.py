"""Observes a host's containers, images, networks and volumes, and distinguishes owned containers from foreign ones."""
