"""Authentication and permissions: an Authorization header becomes a `Principal`."""
