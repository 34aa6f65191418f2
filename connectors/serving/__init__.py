"""A serving process: how it opens, what runs in it, what it tells of itself, how it ends."""
