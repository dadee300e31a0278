"""Compiles the files of one commit to the desired state, or to a list of all mistakes."""
