"""Turns plans, statuses and records into text for a person."""
