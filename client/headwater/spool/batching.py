"""How many items go into the next call, learnt from what became of the last one. Pure."""

MAX_EVENTS = 1000
MAX_BYTES = 3 * 2**20
"""Below the 4 MiB that a gRPC server takes where it is not told otherwise."""

MIN_BYTES = 64 * 2**10


class Batching:
    """Sizes batches: they double while the server takes them and halve when they are too much for it.

    A batch that the server refuses as a whole holds a culprit. The next ones are halves of it, until a single item is
    refused: that is the culprit.
    """

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._most = max_events, max_bytes
        self._events, self._bytes = min(100, max_events), max_bytes
        self._suspects = 0
        """How many items at the front of the line are known to hold a culprit."""

    @property
    def next(self) -> tuple[int, int]:
        """How many items, and how many bytes of them, to send next."""
        return (max(1, self._suspects // 2) if self._suspects else self._events), self._bytes

    def taken(self, count: int) -> None:
        """Learns that the server took a batch of so many."""
        if self._suspects > count:
            self._suspects -= count
            return
        self._suspects = 0
        self._events = min(self._most[0], self._events * 2)
        self._bytes = min(self._most[1], self._bytes * 2)

    def too_much(self, count: int) -> None:
        """Learns that a batch of so many was too much for the server."""
        self._events = max(1, count // 2)
        self._bytes = max(MIN_BYTES, self._bytes // 2)

    def refused(self, count: int) -> bool:
        """Learns that a batch of so many was refused; gives whether that is a single item, which is a culprit."""
        self._suspects = count if count > 1 else 0
        return count == 1
