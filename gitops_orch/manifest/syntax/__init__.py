"""Parses single values: numbers, durations, cron expressions, commands, variables, ports and volumes."""
