"""Decides which process executes an acting verb, and executes it there."""
