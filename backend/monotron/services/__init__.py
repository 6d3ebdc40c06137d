"""Asynchronous access to the store: what a request handler may ask for."""
