"""What administrators do to an installation: make it, change it, and the record of both."""
