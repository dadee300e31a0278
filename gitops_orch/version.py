"""Defines the version of this program. The package is built with it; reading the package's metadata would be slow."""

VERSION = "0.1.0"
