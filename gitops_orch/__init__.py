"""Makes Docker hosts run what a Git repository declares."""
