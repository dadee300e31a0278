"""Holds what a plan is computed from, and looks up which containers, volumes and addresses exist."""
