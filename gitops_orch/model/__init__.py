"""Defines the immutable values that all rooms share."""
