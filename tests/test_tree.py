"""The Merkle tree: roots and proofs against RFC 6962 as it is written, and tiles against the tree they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.tree.merkle import (
    EMPTY,
    consistency_proof,
    inclusion_proof,
    node_hash,
    proves_consistency,
    proves_inclusion,
    root_of,
    tree_root,
)
from hub.tree.tiles import (
    HASH,
    WIDTH,
    bundle,
    bundle_path,
    edge_of,
    edge_root,
    grow,
    grown_edge,
    nodes_of,
    read_number_path,
    split,
    tile_path,
)

MOST = 300
SIZES = [*range(1, 73), 127, 128, 129, 191, 255, 256, 257, 258, 299, MOST]
"""All small trees, and those about the widths where tiles end and the shape changes."""
LEAVES = [hashlib.sha256(b"\x00entry %d" % n).digest() for n in range(1200)]
CT_ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
CT_ROOTS = [  # of the Certificate Transparency reference trees with 0 to 8 entries
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@cache
def mth(low: int, high: int) -> bytes:
    """RFC 6962, 2.1, word for word over LEAVES[low:high]."""
    if high == low:
        return hashlib.sha256(b"").digest()
    if high - low == 1:
        return LEAVES[low]
    k = split_point(high - low)
    return hashlib.sha256(b"\x01" + mth(low, low + k) + mth(low + k, high)).digest()


def split_point(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, low: int, high: int) -> list[bytes]:
    """RFC 6962, 2.1.1: PATH(m, D[low:high])."""
    n = high - low
    if n == 1:
        return []
    k = split_point(n)
    if m < k:
        return [*path(m, low, low + k), mth(low + k, high)]
    return [*path(m - k, low + k, high), mth(low, low + k)]


def subproof(m: int, low: int, high: int, whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2: SUBPROOF(m, D[low:high], b)."""
    n = high - low
    if m == n:
        return [] if whole else [mth(low, high)]
    k = split_point(n)
    if m <= k:
        return [*subproof(m, low, low + k, whole), mth(low + k, high)]
    return [*subproof(m - k, low + k, high, False), mth(low, low + k)]


@cache
def nodes(height: int, index: int) -> bytes:
    """Complete subtrees, by the definition."""
    return mth(index << height, (index + 1) << height)


class Kept:
    """Tiles as a database would keep them."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size = 0

    def read(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")

    def edge(self) -> dict[int, bytes]:
        return {level: self.read(level, number) for level, number, _ in edge_of(self.size)}

    def append(self, count: int) -> bytes:
        """Grow by so many leaves; the new root."""
        edge = self.edge()
        changed = grow(self.size, edge, LEAVES[self.size : self.size + count])
        for tile in changed:
            assert tile.new == ((tile.level, tile.number) not in self.tiles)
            assert tile.hashes.startswith(self.read(tile.level, tile.number))  # a tile only grows at its end
            self.tiles[tile.level, tile.number] = tile.hashes
        self.size += count
        return edge_root(grown_edge(edge, changed))


def test_the_reference_trees_of_certificate_transparency() -> None:
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(entry)).digest() for entry in CT_ENTRIES]
    assert [root_of(leaves[:n]).hex() for n in range(9)] == CT_ROOTS


def test_the_example_of_rfc_6962_section_2_1_3() -> None:
    """Seven leaves: the audit path of d0 is b, h, l, and the proof from 3 to 7 is c, d, g, l."""
    b, c, d = LEAVES[1], LEAVES[2], LEAVES[3]
    g, h = node_hash(LEAVES[0], LEAVES[1]), node_hash(c, d)
    last = node_hash(node_hash(LEAVES[4], LEAVES[5]), LEAVES[6])
    assert inclusion_proof(nodes, 0, 7) == [b, h, last]
    assert consistency_proof(nodes, 3, 7) == [c, d, g, last]
    assert consistency_proof(nodes, 4, 7) == [last]


def test_every_inclusion_proof_in_trees_up_to_300_leaves() -> None:
    for size in SIZES:
        root = mth(0, size)
        for index in range(size):
            proof = inclusion_proof(nodes, index, size)
            assert proof == path(index, 0, size)
            assert proves_inclusion(LEAVES[index], index, size, proof, root)


def test_every_consistency_proof_of_trees_up_to_300_leaves() -> None:
    for new in SIZES:
        for old in range(1, new + 1):
            proof = consistency_proof(nodes, old, new)
            assert proof == subproof(old, 0, new, True)
            assert proves_consistency(old, new, proof, mth(0, old), mth(0, new))


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert consistency_proof(nodes, 0, 5) == []
    assert proves_consistency(0, 5, [], EMPTY, mth(0, 5))
    assert proves_consistency(0, 0, [], EMPTY, EMPTY)
    assert not proves_consistency(0, 5, [LEAVES[0]], EMPTY, mth(0, 5))
    assert not proves_consistency(0, 5, [], LEAVES[0], mth(0, 5))


def spoiled(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Every proof that differs a little from this one."""
    for place, part in enumerate(proof):
        flipped = bytes([part[0] ^ 1, *part[1:]])
        yield [*proof[:place], flipped, *proof[place + 1 :]]
        yield [*proof[:place], *proof[place + 1 :]]
    yield [*proof, LEAVES[0]]
    yield [LEAVES[0], *proof]
    for place, (left, right) in enumerate(pairwise(proof)):
        if left != right:
            yield [*proof[:place], right, left, *proof[place + 2 :]]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100, 257])
def test_a_spoiled_inclusion_proof_proves_nothing(size: int) -> None:
    root = mth(0, size)
    for index in {0, size // 2, size - 1}:
        proof = inclusion_proof(nodes, index, size)
        for wrong in spoiled(proof):
            assert not proves_inclusion(LEAVES[index], index, size, wrong, root)
        for other in {0, 1, index - 1, index + 1, size - 1, size, -1} - {index}:
            assert not proves_inclusion(LEAVES[index], other, size, proof, root)
        assert not proves_inclusion(LEAVES[index + 1], index, size, proof, root)
        assert not proves_inclusion(LEAVES[index], index, size, proof, mth(0, size + 1))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (64, 128), (100, 257), (5, 5)])
def test_a_spoiled_consistency_proof_proves_nothing(old: int, new: int) -> None:
    proof = consistency_proof(nodes, old, new)
    for wrong in spoiled(proof):
        assert not proves_consistency(old, new, wrong, mth(0, old), mth(0, new))
    assert not proves_consistency(old, new, proof, LEAVES[5], mth(0, new))
    assert not proves_consistency(old, new, proof, mth(0, old), LEAVES[5])
    assert not proves_consistency(new + 1, new, proof, mth(0, old), mth(0, new))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_any_sequence_of_batches_only_appends(batches: list[int]) -> None:
    """Every tree on the way has the root of the definition, and is the beginning of every later one."""
    kept, states = Kept(), [(0, EMPTY)]
    for batch in batches:
        count = min(batch, len(LEAVES) - kept.size)
        states.append((kept.size + count, kept.append(count)))
    read = nodes_of(kept.read)
    for size, root in states:
        assert root == mth(0, size) == tree_root(read, size)
    for (old, old_root), (new, new_root) in pairwise(states):
        assert proves_consistency(old, new, consistency_proof(read, old, new), old_root, new_root)
    index = kept.size - 1
    assert proves_inclusion(LEAVES[index], index, kept.size, inclusion_proof(read, index, kept.size), states[-1][1])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 1000])
def test_tiles_hold_what_tlog_tiles_says(size: int) -> None:
    """MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]), and nothing else."""
    kept = Kept()
    kept.append(size)
    for (level, number), hashes in kept.tiles.items():
        for place, found in enumerate(split(hashes)):
            low = (number * WIDTH + place) * WIDTH**level
            assert found == mth(low, low + WIDTH**level)
    assert {level: len(h) // HASH for (level, _), h in kept.tiles.items() if len(h) < WIDTH * HASH} == {
        level: width for level, _, width in edge_of(size)
    }


def test_the_partial_tiles_of_the_specifications_examples() -> None:
    assert edge_of(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert edge_of(256) == [(1, 0, 1)]
    assert edge_of(0) == []


def test_a_missing_or_short_tile_is_not_taken_for_a_tree() -> None:
    kept = Kept()
    kept.append(600)
    del kept.tiles[0, 1]
    with pytest.raises(ValueError, match="tile/0/001"):
        inclusion_proof(nodes_of(kept.read), 300, 600)
    kept.tiles[0, 1] = b"short"
    with pytest.raises(ValueError, match="tile/0/001"):
        inclusion_proof(nodes_of(kept.read), 300, 600)


@pytest.mark.parametrize(
    ("number", "width", "written"),
    [
        (0, 256, "000"),
        (273, 112, "273.p/112"),
        (1000, 256, "x001/000"),
        (1234067, 256, "x001/x234/067"),
        (10**15 - 1, 1, "x999/x999/x999/x999/999.p/1"),
    ],
)
def test_paths_as_the_specification_writes_them(number: int, width: int, written: str) -> None:
    assert tile_path(3, number, width) == f"tile/3/{written}"
    assert bundle_path(number, width) == f"tile/entries/{written}"
    assert read_number_path(written) == (number, width)


@pytest.mark.parametrize(
    "wrong",
    ["", "0", "00", "0000", "x000/001", "x001", "001/002", "001.p/0", "001.p/256", "001.p/01", "001.p/", "-01",
     "x001/x002/", "../001", "001\n", "٠٠١", "x1/001", "X001/001"],
)  # fmt: skip
def test_a_path_written_otherwise_is_none(wrong: str) -> None:
    assert read_number_path(wrong) is None


@settings(max_examples=200)
@given(st.integers(0, 10**18 - 1), st.integers(1, 256))
def test_every_tile_number_is_read_back(number: int, width: int) -> None:
    assert read_number_path(tile_path(0, number, width).removeprefix("tile/0/")) == (number, width)


def test_a_bundle_is_length_prefixed_entries() -> None:
    assert bundle([b"ab", b"", b"x" * 300]) == b"\x00\x02ab" + b"\x00\x00" + b"\x01\x2c" + b"x" * 300
