"""Imports spyne, here and nowhere else, on Pythons that are newer than it is.

spyne 2.14 carries a `six` whose importer Python 3.12 no longer asks, and imports `cgi`, which 3.13 no longer has. For
the time of the import both get a stand-in; afterwards nothing of it is left in the import system for others to meet.
Nothing here uses spyne's own HTTP, the only part that would call `cgi`. Importing it costs time and memory
(docs/performance.md), so whoever needs it imports this module only then.
"""

from __future__ import annotations

import collections.abc
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

_STAND_INS = {
    "spyne.util.six.moves": ModuleType("spyne.util.six.moves"),
    "spyne.util.six.moves.collections_abc": collections.abc,
    "cgi": ModuleType("cgi"),
}


@contextmanager
def _stand_ins() -> Iterator[None]:
    finders = list(sys.meta_path)
    lent = {name: module for name, module in _STAND_INS.items() if name not in sys.modules}
    sys.modules.update(lent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in lent:
            sys.modules.pop(name, None)
        sys.meta_path[:] = finders


with _stand_ins():
    spyne: Any = import_module("spyne")
    soap: Any = import_module("spyne.protocol.soap")
    server: Any = import_module("spyne.server")
    import_module("spyne.interface.wsdl")
