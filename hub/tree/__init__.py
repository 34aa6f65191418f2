"""The Merkle tree over the ledger's entries: hashes, tiles, signed notes, checkpoints. Pure: no SQL, socket, clock."""
