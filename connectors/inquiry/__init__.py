"""The typed inquiry service: what departments may ask, described by spyne, and its client."""
