"""The Merkle tree of RFC 6962: its root, its proofs, and whether a proof proves.

Leaves are given as leaf hashes (of entries: `hub.ledger.ledger.entry_hash`), 32 bytes each; indexes begin at 0.
Proofs are made from a function that gives the hash of any complete subtree, wherever it is kept. A wrong proof is
answered with False, never with an exception. Sources: RFC 6962, 2.1; for verification RFC 9162, 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""

Nodes = Callable[[int, int], bytes]
"""(height, index) -> the hash of the `index`-th complete subtree of 2**height leaves."""

Range = tuple[int, int]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these hashes; each may stand for a leaf, or all but the last for complete subtrees of one size."""
    level = list(hashes)
    if not level:
        return EMPTY
    while len(level) > 1:
        # As in `node_hash`, written out: this is most of what growing a tree or auditing one costs.
        paired = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def tree_root(nodes: Nodes, size: int) -> bytes:
    """The root of the tree's first `size` leaves."""
    return _range_hash(nodes, (0, size)) if size else EMPTY


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree of the first `size` leaves; needs index < size."""
    return [_range_hash(nodes, part) for part in _inclusion_ranges(index, size)]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The proof that the first `old` leaves are the beginning of the first `new`; needs old <= new."""
    return [_range_hash(nodes, part) for part in _consistency_ranges(old, new)] if old else []


def proves_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` stands at `index` of the tree with this size and root."""
    if not 0 <= index < size:
        return False
    place, last, computed = index, size - 1, leaf
    for sibling in proof:
        if not last:
            return False
        if place & 1 or place == last:
            computed = node_hash(sibling, computed)
            place, last = _skip_missing(place, last)
        else:
            computed = node_hash(computed, sibling)
        place, last = place >> 1, last >> 1
    return not last and computed == root


def proves_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is the beginning of the tree of `new` leaves."""
    if not 0 <= old <= new:
        return False
    if not old or old == new:
        return not proof and (old_root == new_root if old else old_root == EMPTY)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return bool(path) and _climb(old - 1, new - 1, path) == (old_root, new_root)


def _climb(place: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots as a consistency path gives them, or None if it is too short or too long."""
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            return None
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            place, last = _skip_missing(place, last)
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return None if last else (old, new)


def _skip_missing(place: int, last: int) -> tuple[int, int]:
    """Climb past the levels where the last node of a ragged tree has no sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _split(low: int, high: int) -> int:
    """Where RFC 6962 divides the leaves from `low` to `high`: after the largest power of two below their number."""
    return low + (1 << ((high - low - 1).bit_length() - 1))


def _inclusion_ranges(index: int, size: int) -> list[Range]:
    low, high = 0, size
    siblings: list[Range] = []
    while high - low > 1:
        middle = _split(low, high)
        if index < middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low = middle
    return siblings[::-1]


def _consistency_ranges(old: int, new: int) -> list[Range]:
    low, high = 0, new
    parts: list[Range] = []
    while high != old:
        middle = _split(low, high)
        if old <= middle:
            parts.append((middle, high))
            high = middle
        else:
            parts.append((low, middle))
            low = middle
    if low:  # otherwise the verifier has this hash already: it is the old root
        parts.append((low, high))
    return parts[::-1]


def _range_hash(nodes: Nodes, part: Range) -> bytes:
    """The root over leaves `low` to `high`, a subtree of the tree: complete subtrees, largest first, folded."""
    low, high = part
    parts: list[bytes] = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append(nodes(height, low >> height))
        low += 1 << height
    folded = parts.pop()
    while parts:
        folded = node_hash(parts.pop(), folded)
    return folded
