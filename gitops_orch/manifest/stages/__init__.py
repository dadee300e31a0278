"""Transforms a parsed Compose model step by step: merge, long forms, list keys, paths, defaults and checks."""
