"""Asynchronous access to the store, for request handlers."""
