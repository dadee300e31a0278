"""Computes which scheduled runs are due."""
