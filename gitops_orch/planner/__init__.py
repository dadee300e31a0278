"""Computes a plan of actions, and the status of every app, from a world."""
