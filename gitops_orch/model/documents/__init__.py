"""Defines the public JSON documents: plans, statuses, runs and problems."""
