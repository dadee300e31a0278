"""The version of this program.  The package is built with it; to ask the installed package takes longer than `--version`."""

VERSION = "0.1.0"
