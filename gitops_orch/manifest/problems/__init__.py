"""Collects mistakes with their positions, and limits their number and text."""
