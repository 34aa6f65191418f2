"""Hostile input over the whole way in, row by row of docs/hostile-input.md, and a fuzzer."""
