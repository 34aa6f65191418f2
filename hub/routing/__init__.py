"""`routing.yaml`: ordered rules, what they match, what they do, and why."""
