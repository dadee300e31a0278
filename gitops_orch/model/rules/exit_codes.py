"""Exit codes, and what they say about how a container ended."""

BAD_COMMAND_CODES = frozenset({126, 127})  # as a shell has them: may not be run, is not there


ORDERLY_CODES = frozenset({0, 137, 143})  # ended by itself, or was killed or asked to end
