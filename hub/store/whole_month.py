"""Lets the contents of all messages of a month go at once: on PostgreSQL, by emptying the partition that they are in.

Promises: only a partition of one month, and only while nobody reads the whole database in one state: an emptied
partition is empty for those too who began before, unlike rows that are deleted. Whether all may go is the caller's
part.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import BigInteger, Connection, exists, func, literal, select

from hub.errors import Unavailable
from hub.month import Month
from hub.store.partitions import Partition, partitions
from hub.store.purging import within
from hub.store.tables import bodies, messages, purges

_READERS = literal(0x687562_00_77686F6C, BigInteger)
"""The name of the advisory lock of those who read everything: `hub`, a zero, `whol`, in hexadecimal."""
_LIST = 500


def look_at_all(connection: Connection) -> None:
    """Keep partitions from being emptied until the transaction ends, for one that reads everything in one state.

    Errors: Unavailable store.busy while one is being emptied.
    """
    shared = select(func.pg_try_advisory_xact_lock_shared(_READERS))
    if connection.dialect.name == "postgresql" and not connection.scalar(shared):
        raise Unavailable("store.busy", operator="a month's documents are being removed")


def ended(connection: Connection, at: datetime) -> list[Partition]:
    """The partitions of contents of months that have ended, oldest first."""
    found = [one for one in partitions(connection) if one.table == bodies.name]
    return [one for one in found if one.month is not None and one.month.end <= at]


def unpurged(connection: Connection, month: Month) -> Iterator[list[int]]:
    """The row ids of a month's messages whose contents have not gone, in order, some hundred at a time."""
    gone = exists().where(purges.c.message == messages.c.id)
    last = 0
    while True:
        query = select(messages.c.id).where(within(month.count), messages.c.id > last, ~gone)
        some = list(connection.scalars(query.order_by(messages.c.id).limit(_LIST)))
        if not some:
            return
        yield some
        last = some[-1]


def hold_still(connection: Connection, partition: Partition) -> bool:
    """Let nobody store in this month, or put anything on hold, until the transaction ends; False if somebody reads all.

    Other months are stored in meanwhile. Needs the rights of the tables' owner.
    """
    if not connection.scalar(select(func.pg_try_advisory_xact_lock(_READERS))):
        return False
    connection.exec_driver_sql(f"LOCK TABLE {partition.name}, holds IN SHARE ROW EXCLUSIVE MODE")
    return True


def empty(connection: Connection, partition: Partition) -> None:
    """Empty a partition. Errors: Unavailable store.busy if somebody at work on it does not end soon."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")  # others would queue up behind one that waits
    connection.exec_driver_sql(f"TRUNCATE {partition.name}")
