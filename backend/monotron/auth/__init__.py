"""Who asks, and what they may do: an Authorization header becomes a `Principal`."""
