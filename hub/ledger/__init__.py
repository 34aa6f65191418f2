"""The ledger: an entry's form and chain, the sequencer over all chains, and the words of outsiders about it."""
