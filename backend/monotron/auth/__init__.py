"""Who asks, and what they may do: keys, grants, and identity tokens of CI systems."""
