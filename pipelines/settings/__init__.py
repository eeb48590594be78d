"""Typed sections of params.yaml, and the addresses of databases in them."""
