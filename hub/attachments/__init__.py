"""Attachments: the check against the signed manifest, and the large ones that go up and down in parts of their own."""
