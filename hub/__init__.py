"""The Hub: signed documents between government departments, every hop on record."""

__version__ = "0.1.0"
