"""Pretend departments: real SOAP endpoints for demonstrations and tests, with faults of one's choice."""
