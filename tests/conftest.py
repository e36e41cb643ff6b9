"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no failure because a machine was busy.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")
