"""What every command hangs in: language, options, output, errors and exit codes. Knows nothing of the hub itself."""
