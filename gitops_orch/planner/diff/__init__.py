"""Compares the containers of each slot with the desired state, and classifies every difference."""
