"""Decides whether a service keeps its data, and whether two containers may write the same data."""
