"""Exit codes, and what they mean for how a container ended."""

# As a shell returns them: the command may not be run, or does not exist
BAD_COMMAND_CODES = frozenset({126, 127})


ORDERLY_CODES = frozenset({0, 137, 143})  # it ended by itself, or was killed or asked to end
