"""The driver contract: what a vendor's plugin implements.

A driver translates: neutral records to command text, replies to neutral records.  What to do, in what
order, and what a failure means to the caller is decided by the core.  Every ``async`` method is an
operation: it awaits the channel and nothing else.  A driver never builds a command but from
:class:`modemtls.at.syntax.Command`, numbers, and quoted strings, and never repeats one that carries data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .at.channel import Channel
from .at.exchange import Reply
from .at.syntax import Command, Dialect, Final, final_result
from .errors import CommandError, ErrorEntry, ErrorTable, ModemError, Unsupported, VendorCode
from .errors import Reason as _Reason
from .model import (
    Capability,
    ClockReading,
    CredentialKind,
    HttpReply,
    HttpRequest,
    Identity,
    Limits,
    Match,
    Model,
    NetworkSettings,
    NetworkStatus,
    Registration,
    Resolved,
    SimState,
    StoredCredential,
    StoredProfile,
)
from .policy import TlsProfile
from .standard_errors import number_of

if TYPE_CHECKING:
    from .findings import Finding, Term
    from .paste import Paste

__all__ = [
    "Capability",
    "ClockReading",
    "CredentialKind",
    "Driver",
    "HttpReply",
    "HttpRequest",
    "Identity",
    "Limits",
    "Match",
    "Model",
    "NetworkSettings",
    "NetworkStatus",
    "Progress",
    "Registration",
    "Resolved",
    "SimState",
    "StoredCredential",
    "StoredProfile",
]

#: Called with what is done and what there is in all, in bytes.
Progress = Callable[[int, int], None]


class Driver(ABC):
    """One vendor's dialect, bound to one modem.

    ``dialect`` is what the channel must know; ``options`` is the vendor's options record.
    """

    dialect: Dialect
    terms: tuple[Term, ...] = ()
    """Words of the vendor's, beside its codes, that are explained where a log has them."""
    attaches_in_stages = False
    """What :meth:`network_up` asks for needs a registration: it is called again when there is one."""

    def __init__(self, channel: Channel, model: Model, resolved: Resolved, options: Any, errors: ErrorTable):
        self.channel = channel
        self.model = model
        self.resolved = resolved
        self.limits = resolved.limits
        self.options = options
        self.errors = errors

    # What every driver has.

    @abstractmethod
    async def initialise(self) -> None:
        """Put the dialogue in order after opening and after a restart: echo off, error numbers on."""

    @abstractmethod
    async def read_clock(self) -> ClockReading:
        """The modem's clock."""

    @abstractmethod
    async def network_status(self) -> NetworkStatus:
        """SIM, registration and PDP context, without changing anything."""

    @abstractmethod
    async def network_up(self, settings: NetworkSettings) -> None:
        """Radio on, PIN, APN, attach; returns when the commands are given, not when it is attached.

        :raises NetworkError: the SIM is absent, wants a PIN that was not given, refuses it, …
        """

    # The credential store.

    @abstractmethod
    async def list_credentials(self) -> tuple[StoredCredential, ...]:
        """What the store shows, by slot."""

    @abstractmethod
    async def write_credential(
        self, slot: int, kind: CredentialKind, data: bytes, progress: Progress | None = None
    ) -> None:
        """Store ``data`` (normalised PEM) in an empty slot.

        :raises CredentialError: the modem refused it.
        """

    @abstractmethod
    async def remove_credential(self, slot: int, kind: CredentialKind) -> None:
        """Empty a slot; an empty one stays empty without an error."""

    def namespace(self, kind: CredentialKind) -> str:
        """The slots of two kinds are the same slots when this is the same word."""
        return "key" if kind is CredentialKind.KEY else "certificate"

    # Security profiles.

    @abstractmethod
    async def read_profiles(self) -> tuple[StoredProfile, ...]:
        """The security profiles that are configured, with what is illegal in them."""

    @abstractmethod
    def profile_matches(self, stored: StoredProfile, profile: TlsProfile) -> bool:
        """``stored`` already says exactly what ``profile`` demands."""

    @abstractmethod
    async def write_profile(self, number: int, profile: TlsProfile) -> None:
        """Configure a security profile, and check the modem's echo of it."""

    @abstractmethod
    async def reset_profile(self, number: int) -> None:
        """Put a security profile back to what it is from the factory."""

    # TLS byte streams.

    @abstractmethod
    async def open_stream(
        self, socket: int, host: str, port: int, *, security_profile: int | None, timeout: float
    ) -> None:
        """Connect, with TLS by the security profile, or plain when it is ``None``.

        :raises NetworkError: no way to the server.
        :raises TlsError: the handshake failed.
        """

    @abstractmethod
    async def send_stream(self, socket: int, data: bytes, progress: Progress | None = None) -> None:
        """Send all of ``data``, in as many commands as the modem needs.

        :raises NetworkError: the connection is lost; some of the data may have been sent.
        """

    @abstractmethod
    async def receive_stream(self, socket: int, limit: int, timeout: float) -> bytes | None:
        """Up to ``limit`` bytes as soon as there are any; ``b""`` after the end of the stream.

        ``None`` when ``timeout`` seconds pass without any.
        """

    @abstractmethod
    async def close_stream(self, socket: int) -> None:
        """Close and forget; a socket that is closed already stays so without an error."""

    # What not every modem has.

    async def http_request(
        self,
        profile: int,
        request: HttpRequest,
        *,
        security_profile: int,
        sent: Callable[[], None],
        progress: Progress | None = None,
    ) -> HttpReply:
        """One request by the modem's own HTTP client.

        ``sent`` is called when the server may have got the request: it is never repeated after that.
        """
        raise self.unsupported("an HTTP client of its own")

    async def restore_profile(self, stored: StoredProfile) -> None:
        """Write a security profile back exactly as it was read, whatever stands in it, and look at it again.

        :raises CredentialError: the modem does not show all of it (nothing was sent then), or takes it no more.
        """
        raise self.unsupported("way to write a security profile back as it was")

    async def http_disconnect(self, profile: int) -> None:  # noqa: B027 - nothing to do is right for most
        """End the connection of the modem's HTTP client, if there is one."""

    async def set_clock(self, time: datetime) -> None:
        """Set the clock to an aware ``time``."""
        raise self.unsupported("setting the clock")

    async def set_clock_from_network(self) -> None:
        """Let the modem fetch the time by itself."""
        raise self.unsupported("time from the network")

    def comment(self, error: ModemError) -> ModemError:
        """``error`` of TLS on this computer, with what is known of this modem that explains it, if anything is."""
        return error

    # What drivers use.

    def unsupported(self, what: str) -> Unsupported:
        """The error for something that this model has not got."""
        return Unsupported(
            f"{self.model.name} has no {what}."
            if not what.startswith("setting")
            else f"{self.model.name}: no {what}.",
            reasons={_Reason.NOT_SUPPORTED},
            model=self.model.name,
        )

    async def ask(
        self,
        command: Command,
        asked: str,
        *,
        timeout: float | None = None,
        default: type[ModemError] = CommandError,
    ) -> Reply:
        """Send a command; a refusal raises what the tables say, or ``default`` where they say nothing finer.

        ``asked`` is the start of a sentence: "Reading the clock".
        """
        reply = await self.command(command, timeout=timeout)
        return self.accept(reply, asked, default=default)

    async def command(self, command: Command, *, timeout: float | None = None) -> Reply:
        """One exchange without data.  A driver whose modem says "busy, try again" repeats it here."""
        return await self.channel.command(command, timeout=timeout)

    def accept(self, reply: Reply, asked: str, *, default: type[ModemError] = CommandError) -> Reply:
        """``reply`` when it is a success, else its error, raised."""
        if not reply.ok:
            raise self.refusal(reply, asked, default=default)
        return reply

    def refusal(self, reply: Reply, asked: str, *, default: type[ModemError] = CommandError) -> ModemError:
        """The error for a reply that is no success."""
        return self.error(
            self.code(reply.final),
            asked,
            default=default,
            command=reply.command.shown,
            lines=(*reply.shown, str(reply.final)),
        )

    def error(
        self,
        code: VendorCode,
        asked: str,
        *,
        default: type[ModemError] = CommandError,
        command: str | None = None,
        lines: tuple[str, ...] = (),
    ) -> ModemError:
        """The error for a vendor's code; a generic table entry is narrowed to ``default``."""
        error = self.errors.error(
            code, asked=asked, default=default, model=self.model.name, command=command, lines=lines
        )
        if type(error) is CommandError and default is not CommandError:
            error = default(
                error.message,
                remedy=error.remedy,
                reasons=error.reasons,
                certainty=error.certainty,
                model=error.model,
                command=error.command,
                code=error.code,
                lines=error.lines,
            )
        return error

    def code_in(self, line: str) -> VendorCode | None:
        """The code that a line carries, a final result or an event of the vendor's; ``None`` for most."""
        final = final_result(line, dial=True)
        return None if final is None or final.is_success else self.code(final)

    def explain(self, line: str) -> ErrorEntry | None:
        """What the tables know of the code in a line."""
        code = self.code_in(line)
        return None if code is None else self.errors.find(code.namespace, code.number)

    def read_log(self, paste: Paste) -> Iterable[Finding]:
        """What a pasted log shows of a cause; asks the modem nothing, for there is none."""
        return ()

    @staticmethod
    def code(final: Final) -> VendorCode:
        """The vendor code that a final result carries; a verbose ``+CME ERROR`` finds its number."""
        if final.number is None:
            return VendorCode("final", final.word)
        namespace = "cms" if final.word.startswith("+CMS") else "cme"
        if isinstance(final.number, str):
            number = number_of(final.number) if namespace == "cme" else None
            return VendorCode(namespace, final.number if number is None else number, final.number)
        return VendorCode(namespace, final.number)
