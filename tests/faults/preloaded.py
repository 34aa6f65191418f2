"""What each forked process would do anew and need not: schemas are ready, and all that it imports is there."""

from __future__ import annotations

import tests.faults.town_of_processes  # noqa: F401
from hub.schema.schema import Schemas

Schemas.builtin().warm()
