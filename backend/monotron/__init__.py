"""Monotron: the next number, and the next semantic version, for every build."""

__version__ = "0.1.0"
