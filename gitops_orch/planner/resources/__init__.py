"""Builds the actions that create or replace what containers need: images, networks, volumes and files."""
