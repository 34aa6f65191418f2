"""Re-derives everything from stored bytes, and says what does not agree."""
