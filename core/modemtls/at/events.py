"""Events that nobody has taken yet: the newest, bounded by number and by size.

A modem can say more than anybody takes, and each line can be as long as a line may be.  What makes room
is counted, so that whoever misses an event can see that it may have been there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .exchange import Event, Match

__all__ = ["MAX_EVENTS", "MAX_EVENT_CHARACTERS", "EventQueue"]

MAX_EVENTS = 1000
MAX_EVENT_CHARACTERS = 262_144
"""The most that all events together may have: 1,000 ordinary ones, or two of the longest lines."""


class EventQueue:
    """Events in the order in which they came; the oldest make room for new ones.

    >>> queue = EventQueue()
    >>> queue.put(Event("+RING: 1", 0.0))
    >>> queue.take(lambda line: line.startswith("+RING")).line
    '+RING: 1'
    """

    def __init__(self) -> None:
        self.dropped = 0
        """Events that made room for newer ones, and lines that may have been events, after bytes were lost."""
        self.characters = 0
        """In the lines of the events that are there."""
        self._events: deque[Event] = deque()

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def put(self, event: Event) -> None:
        """Add the newest one, which always stays."""
        self._events.append(event)
        self.characters += len(event.line)
        while len(self._events) > MAX_EVENTS or (
            self.characters > MAX_EVENT_CHARACTERS and len(self._events) > 1
        ):
            self.characters -= len(self._events.popleft().line)
            self.dropped += 1

    def miss(self) -> None:
        """Count one that cannot be kept, because nobody can tell whether it is one."""
        self.dropped += 1

    def take(self, match: Match) -> Event | None:
        """The oldest event that ``match`` takes, out of the queue."""
        for place, event in enumerate(self._events):
            if match(event.line):
                del self._events[place]
                self.characters -= len(event.line)
                return event
        return None

    def has(self, match: Match) -> bool:
        """An event that ``match`` takes is there."""
        return any(match(event.line) for event in self._events)

    def discard(self, match: Match) -> None:
        """Remove the events that ``match`` takes; they are not counted as dropped."""
        self._events = deque(event for event in self._events if not match(event.line))
        self.characters = sum(len(event.line) for event in self._events)
