"""Measures the hub against the floor: the C libraries called straight. Run with `python -m bench`."""
