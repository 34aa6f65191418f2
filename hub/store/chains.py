"""Which nodes have a chain, and where each ends. Reads only.

Promises: one index seek for each node, however many entries there are; a plain `DISTINCT`, `GROUP BY` or order by time
would read every entry.
"""

from __future__ import annotations

from sqlalchemy import CTE, ColumnElement, Connection, func, select

from hub.store.tables import ledger

_other = ledger.alias("other")


def _skipping() -> CTE:
    first = select(func.min(ledger.c.node).label("node"))
    skip = first.cte("skip", recursive=True)
    following = select(func.min(ledger.c.node)).where(ledger.c.node > skip.c.node).scalar_subquery()
    return skip.union_all(select(following).where(skip.c.node.is_not(None)))


NODES = _skipping()
"""A table with one column, `node`, in order; its last row is NULL."""


def read_nodes(connection: Connection) -> list[str]:
    """Every node that has a chain, in order."""
    return list(connection.scalars(select(NODES.c.node).where(NODES.c.node.is_not(None)).order_by(NODES.c.node)))


def is_end() -> ColumnElement[bool]:
    """For a query over `ledger` that is joined with `NODES`: the entry is the last of that node's chain."""
    last = select(func.max(_other.c.sequence)).where(_other.c.node == NODES.c.node).scalar_subquery()
    return (ledger.c.node == NODES.c.node) & (ledger.c.sequence == last)
