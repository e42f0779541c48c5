"""What several sessions of one modem share: its sockets, its HTTP client, and the one security profile.

A socket is taken from the top downwards and comes back when its connection is closed, or when nobody holds
that any more.  The security profile is written, and then used, by one session at a time; who comes next looks
whether it still says what its own policy demands.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from .errors import ModemTimeout, NetworkError, Reason
from .op import Now, Yield

if TYPE_CHECKING:
    from .at.channel import Channel
    from .driver import Driver

__all__ = ["Leases"]


class Turn:
    """One at a time, for operations; waiting for it lets others have the modem."""

    def __init__(self, channel: Channel, what: str) -> None:
        self._channel = channel
        self._what = what
        self._taken = False

    async def take(self, timeout: float) -> None:
        """Wait for it.

        :raises ModemTimeout: the one before took longer than ``timeout`` seconds.
        """
        deadline = await Now() + timeout
        while self._taken:
            if await Now() >= deadline:
                raise ModemTimeout(
                    f"Another operation has had {self._what} for {timeout:g} s.",
                    remedy="Try again when it is done; a streamed response has it until it is read to its end.",
                    reasons={Reason.BUSY},
                )
            await self._channel.poll(0.05)
            await Yield()
        self._taken = True

    def give(self) -> None:
        """The next one may have it."""
        self._taken = False


class Leases:
    """Who has what; its ``async`` methods are operations."""

    def __init__(self, channel: Channel, driver: Driver, first_socket: int) -> None:
        self._channel = channel
        self._driver = driver
        self._candidates = [n for n in reversed(driver.limits.sockets) if n <= first_socket]
        self._held: weakref.WeakValueDictionary[int, object] = weakref.WeakValueDictionary()
        self._used: set[int] = set()
        self.profile = Turn(channel, "the modem's security profile")
        self.http_user: object | None = None
        """Who used the modem's HTTP client last: its connection is nobody else's to end."""
        self.epoch = 0
        """Counts what may have changed profile or store; who saw the same number need not look again."""

    async def socket(self, holder: object) -> int:
        """A socket for ``holder``.

        :raises NetworkError: all of them are in use.
        """
        for number in self._candidates:
            if number in self._held:
                continue
            if number in self._used:  # its session was dropped without being closed
                await self._driver.close_stream(number)
            self._held[number] = holder
            self._used.add(number)
            return number
        raise NetworkError(
            f"All {len(self._candidates)} sockets that modemtls may use are in use.",
            remedy="Close a session first (with … as session, or session.close()).",
            reasons={Reason.BUSY},
            model=self._driver.model.name,
        )

    async def close_all(self) -> None:
        """Close every socket that is still open."""
        for number in sorted(self._used):
            await self._driver.close_stream(number)
            self.give_back(number)

    def holds(self, number: int, holder: object) -> bool:
        """The socket is still ``holder``'s; after a restart, or when the modem was closed, it is not."""
        return self._held.get(number) is holder

    def give_back(self, number: int) -> None:
        """The socket is closed."""
        self._held.pop(number, None)
        self._used.discard(number)

    def forget(self) -> None:
        """The modem has restarted: nothing is open, nothing is known."""
        self._held.clear()
        self._used.clear()
        self.http_user = None
        self.changed()

    def changed(self) -> None:
        """Profile or store may not be what they were."""
        self.epoch += 1
