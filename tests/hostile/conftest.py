"""One town for each file of hostile rows: what is refused leaves it as it was."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from hub.errors import Refused
from hub.schema.schema import Schemas
from tests.hostile.guard import Guard, guarding
from tests.hostile.refusal import refused
from tests.town import Town, found_town, schemas

Refuse = Callable[..., Refused]


@pytest.fixture(scope="session")
def explained() -> Schemas:
    """The schemas with their explanations built; that and a first use of a codec read files, once."""
    for codec in ("utf-16-le", "utf-16-be", "gb18030"):
        codecs.lookup(codec)
    known = schemas()
    known.warm()
    return known


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, explained: Schemas) -> Iterator[Town]:
    made = found_town(tmp_path_factory.mktemp("town"))
    made.send("a", "b")
    yield made
    made.check()
    made.close()


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with guarding(tmp_path_factory.mktemp("guard")) as made:
        yield made


@pytest.fixture
def refuse(town: Town, guard: Guard) -> Refuse:
    """`refused` in this file's town: `refuse(raw, code)`."""
    return partial(refused, town, guard)
