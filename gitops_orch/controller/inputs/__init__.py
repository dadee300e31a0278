"""Gathers what a plan is made from, and builds the planner's world from it."""
