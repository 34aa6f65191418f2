"""The edges: how documents come to the hub and leave it. SOAP over HTTP for now."""
