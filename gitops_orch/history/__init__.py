"""Stores what happened: releases, runs, pins, holds and the lease."""
