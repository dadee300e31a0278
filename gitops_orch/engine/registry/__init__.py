"""Pulls images from registries, with the credentials of each registry."""
