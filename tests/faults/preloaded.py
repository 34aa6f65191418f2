"""What each forked process would do anew and need not: the hub's schemas are ready before the fork."""

from __future__ import annotations

from hub.schema.schema import Schemas

Schemas.builtin().warm()
