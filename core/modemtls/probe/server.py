"""The probe server: its stations on their ports, bounded in connections, bytes and time.

It runs on an event loop in a thread of its own, so that a blocking caller can drive a modem meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from .exchange import Exchange, Seen
from .stations import Prepared

__all__ = ["ProbeServer"]

_FAREWELL_SECONDS = 1.0
_FAREWELL_READS = 16


class ProbeServer:
    """Serves ``prepared`` from ``__enter__`` to ``__exit__``.

    ``ports`` gives the port of each station; ``seen`` what connections showed, in their order; ``on_seen`` is
    called with each in the server's thread, until it fails: ``trouble`` is why.  ``first_port`` 0 lets the
    system choose.  More than ``most`` connections in all, or ``at_once`` at one time, are closed at once; each has
    ``seconds``.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        *,
        listen: str = "127.0.0.1",
        first_port: int = 0,
        most: int = 500,
        at_once: int = 16,
        seconds: float = 30.0,
        on_seen: Callable[[Seen], None] | None = None,
    ) -> None:
        self.ports: dict[str, int] = {}
        self.seen: list[Seen] = []
        self.turned_away = 0
        self.trouble: Exception | None = None
        self._prepared = tuple(prepared)
        self._listen, self._first_port = listen, first_port
        self._most, self._at_once, self._seconds = most, at_once, seconds
        self._on_seen = on_seen
        self._served = self._open = 0
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True, name="modemtls probe")
        self._thread.start()
        ready.wait()
        if self._failed is not None:
            self._thread.join()
            raise self._failed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, stop, thread = self._loop, self._stop, self._thread
        if loop is not None and stop is not None and thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(stop.set)
            thread.join()

    def of(self, station: str) -> list[Seen]:
        """What the connections to one station showed."""
        with self._changed:
            return [each for each in self.seen if each.station == station]

    def wait_for(self, station: str, count: int, timeout: float) -> bool:
        """Wait until ``count`` connections to ``station`` are over."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sum(each.station == station for each in self.seen) >= count, timeout
            )

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            self._failed = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            for offset, prepared in enumerate(self._prepared):
                server = await self._start(prepared, self._first_port + offset if self._first_port else 0)
                if len({each.getsockname()[1] for each in server.sockets}) > 1:
                    # A name of several addresses: the system chose a port for each.
                    port = server.sockets[0].getsockname()[1]
                    server.close()
                    server = await self._start(prepared, port)
                await stack.enter_async_context(server)
                self.ports[prepared.station.name] = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    async def _start(self, prepared: Prepared, port: int) -> asyncio.Server:
        return await asyncio.start_server(
            lambda reader, writer: self._connected(prepared, reader, writer), self._listen, port, limit=65_536
        )

    async def _connected(
        self, prepared: Prepared, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._served >= self._most or self._open >= self._at_once:
            self.turned_away += 1
            writer.transport.abort()
            return
        self._served += 1
        self._open += 1
        address = writer.get_extra_info("peername")
        exchange = Exchange(prepared.station.name, prepared.context, str(address[0]) if address else "")
        try:
            await asyncio.wait_for(self._talk(exchange, reader, writer), self._seconds)
        except (TimeoutError, asyncio.CancelledError):
            exchange.timed_out()
        except OSError:
            with contextlib.suppress(OSError):
                exchange.feed(b"")
        finally:
            self._keep(exchange.seen())
        try:
            await asyncio.wait_for(_farewell(reader, writer), _FAREWELL_SECONDS)
        except (TimeoutError, asyncio.CancelledError, OSError):
            pass  # it is gone, or has had time enough
        finally:
            self._open -= 1
            writer.close()

    @staticmethod
    async def _talk(exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not exchange.is_over:
            data = await reader.read(16_384)
            answer = exchange.feed(data)
            if answer:
                writer.write(answer)
                await writer.drain()
            if not data:
                return

    def _keep(self, seen: Seen) -> None:
        with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()
        if self._on_seen is not None and self.trouble is None:
            try:
                self._on_seen(seen)
            except Exception as error:
                self.trouble = error


async def _farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what still comes: a connection that is closed with unread bytes is reset, which may cost the answer."""
    writer.write_eof()
    for _ in range(_FAREWELL_READS):
        if not await reader.read(16_384):
            return
