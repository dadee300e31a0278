"""Reconciles the hosts with Git: it loads, observes, plans, executes and records."""
