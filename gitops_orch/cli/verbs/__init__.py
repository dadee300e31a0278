"""Carries out each verb of the command line."""
