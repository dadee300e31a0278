"""Collects which releases every app runs or ran before, which are quarantined, and which apps are orphans."""
