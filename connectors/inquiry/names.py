"""What the inquiry service is called, for those who only call it: no spyne here."""

from __future__ import annotations

NAMESPACE = "urn:hub:inquiry:v1"
PATH = "/inquiry/v1"
