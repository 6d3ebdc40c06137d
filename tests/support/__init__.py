"""Servers, clients and data that several test folders share."""
