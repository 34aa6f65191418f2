"""The Merkle tree over the ledger's entries: hashes, tiles, signed notes and checkpoints. Pure: no SQL, socket, clock."""
