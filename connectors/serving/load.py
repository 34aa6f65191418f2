"""What is under way in one process: calls, and the bytes of their bodies. Sheds what would be too much of either.

Promises: what is shed was not read, so that memory is bounded by `limits` whatever comes; a body that is alone is taken
however large it is (its own size is bounded elsewhere), so that nothing is shed for ever.
"""

from __future__ import annotations

from hub.errors import Unavailable
from hub.settings.settings import Limits


class Load:
    """Shared by all doors of a process."""

    def __init__(self) -> None:
        self.calls = 0
        self.bytes = 0

    def now(self) -> tuple[int, int]:
        """Calls and bytes at this moment."""
        return self.calls, self.bytes

    def hold(self) -> Held:
        """Begin a call, to be left."""
        self.calls += 1
        return Held(self)


class Held:
    """One call's share of the load. Nothing of its body is taken before it is admitted."""

    __slots__ = ("_load", "_most", "_size")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._most = 0
        self._size = 0

    def admit(self, limits: Limits) -> None:
        """Go on with the call. Errors: Unavailable http.busy."""
        if self._load.calls > limits.concurrent:
            raise Unavailable("http.busy", operator=f"{self._load.calls} calls under way")
        self._most = limits.bytes_under_way

    def grow(self, size: int) -> None:
        """Take room for a body of `size` bytes in all, as far as is known now. Errors: Unavailable http.busy."""
        more, others = size - self._size, self._load.bytes - self._size
        if more <= 0:
            return
        if others and others + size > self._most:
            raise Unavailable("http.busy", operator=f"{others} bytes under way")
        self._load.bytes += more
        self._size = size

    def leave(self) -> None:
        """Give all of it back, once."""
        self._load.calls -= 1
        self._load.bytes -= self._size
