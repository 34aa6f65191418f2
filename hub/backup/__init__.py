"""Backups: what is in one, how it is taken from a hub that serves, proven to be whole, and brought back."""
