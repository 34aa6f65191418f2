"""The supervision authority's own program: keeps the last checkpoint of a hub's ledger, and cosigns what extends it."""
