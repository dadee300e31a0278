"""Records releases, hosts and runs in history, and decides how a run ended."""
