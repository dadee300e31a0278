"""Decides which process carries out an acting verb, and carries it out there."""
