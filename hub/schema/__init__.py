"""Every schema the hub knows: packages, compiling, checking, explaining, linting and samples."""
