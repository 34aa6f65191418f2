"""What must not break the hub: real processes, real databases, one fault at a time. See docs/reliability.md."""
