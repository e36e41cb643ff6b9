"""Simulations that decide what the package may print: coverage, size and power."""
