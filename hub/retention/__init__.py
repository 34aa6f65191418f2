"""Retention: by which rules documents stay, and how they go."""
