"""What each forked process would do anew and need not: all that a hub imports is there, at its start or when asked.

Words of refusals are not prepared, which takes a second or two of each process: nobody waits for one here.
"""

from __future__ import annotations

import connectors.inquiry.service  # noqa: F401
import tests.faults.town_of_processes  # noqa: F401
from hub.schema.schema import Schemas

Schemas.builtin()
Schemas.warm = lambda self: None  # type: ignore[method-assign]
