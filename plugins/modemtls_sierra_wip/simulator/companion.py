"""A simulated Q2686 with the companion agent: bearer, and the one connection with real TLS by the Security plug-in.

What the plug-in does is assumed where a setting says so; it judges chain and dates at the module's clock, and
says no more of a refused certificate than ``WIP_CEV_ERROR`` with 1.  A certificate that is itself trusted and not
self-signed is no trust anchor, as for OpenSSL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from modemtls.policy import TlsVersion
from modemtls.sim import Failure, Problem, Raw, Result

from .names import BEARER_NUMBERS, ERROR, event_of
from .objects import KINDS, AgentError, CompanionObjects, crc, hexadecimal

if TYPE_CHECKING:
    from modemtls.sim import Connection, Ticket, Timer, TlsSettings

__all__ = ["Q2686"]

CLOSED, OPENING, OPEN, ENDED = range(4)
_MOST_SENT, _MOST_RECEIVED = 4096, 4000
_RSA_SUITES = (0x002F, 0x0035, 0x000A)
_STALL_SECONDS = 60.0
_SEND_BUFFER = 16_384
_VERSIONS = {"1.0": TlsVersion.TLS1_0, "1.1": TlsVersion.TLS1_1, "1.2": TlsVersion.TLS1_2}


def _readable(ca: bytes) -> bytes:
    """The CA, or nothing where it cannot be read: the library says so nowhere, and trusts nobody then."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        x509.load_pem_x509_certificates(ca)
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return ca


class Q2686(CompanionObjects):
    """A Q2686 with firmware 7.44 and the companion agent with Security plug-in 1.4."""

    def power_on(self) -> None:
        """Bearer and connection closed, no session saved."""
        super().power_on()
        self._bearer: Timer | None = None
        self._session: tuple[str, int, Ticket] | None = None
        self._connection: Connection | None = None
        self._forget()

    def _forget(self) -> None:
        if self._connection is not None:
            self.forget(self._connection)
        self._connection = None
        self._state, self._type, self._offered = CLOSED, "", 0
        self._block: tuple[bytes, int, int] = (b"", 0, 0)
        self._blocks = 0
        self._told = False
        self._arrived_at_send = -1
        self._received = 0
        self._outcome: tuple[str, int] = ("", 0)

    # What the agent is.

    def read_ver(self) -> Result:
        """Protocol, version, build and plug-in."""
        return f'+MTVER: {self.settings.protocol},"1.0.0","host","{self.settings.plug_in}"'

    def read_err(self) -> Result:
        """What went wrong last."""
        number, name, raw = self.last_error
        return f'+MTERR: {number},"{name}",{raw}'

    def read_clk(self) -> Result:
        """The module's clock."""
        return f'+MTCLK: "{self.clock.read():%y/%m/%d,%H:%M:%S}"'

    def _event(self, urc: str, name: str, raw: int) -> None:
        self.last_error = (0, name, raw)
        self.urc(f'{urc}"{name}",{raw}')

    # The bearer.

    def read_net(self) -> Result:
        """State and address."""
        state = 2 if self.bearer_up else 1 if self._bearer is not None else 0
        return f'+MTNET: {state},"{self.address if self.bearer_up else ""}"'

    def set_net(self, start: str, *details: str) -> Result:
        """Start the bearer, or stop it."""
        wanted = self.number(start, 0, 1)
        if bool(details) != bool(wanted):
            raise AgentError(701)
        if not wanted:
            self._stop_bearer()
            return None
        apn, *login = details
        if len(apn) > 96 or not re.fullmatch(r"[!-~]*", apn):
            raise AgentError(701)
        for text in login:
            hexadecimal(text, 64)
        if self._bearer is not None:
            raise AgentError(702)
        if self.bearer_up:
            self.call_later(0.0, self._say_up)
            return None
        if self.settings.bearer_refusal:
            name = "WIP_BERR_NO_SIM"
            raise AgentError(int(self.settings.bearer_refusal), name, BEARER_NUMBERS[name])
        self._bearer = self.call_later(self.settings.bearer_delay, lambda: self._started(apn))
        return None

    def _started(self, apn: str) -> None:
        self._bearer = None
        problem = self.bearer_problem(apn)
        if problem is None:
            self.bearer_up = True
            self._say_up()
        else:
            self._event("+MTNET: 0,", problem, BEARER_NUMBERS[problem])

    def _say_up(self) -> None:
        self.urc(f'+MTNET: 2,"{self.address}"')

    def _stop_bearer(self) -> None:
        if self._bearer is not None:
            self._bearer.cancel()
        self._bearer, self.bearer_up = None, False
        self._forget()

    def went_offline(self) -> None:
        """The bearer is lost, and the connection with it."""
        super().went_offline()
        if not self.bearer_up:
            return
        self.bearer_up = False
        if self._state == OPENING:
            self._failed(ERROR, 0)
        elif self._state == OPEN:
            self._ended(ERROR, 0)
        name = "WIP_BERR_PPP_LINK_FAILED"
        self._event("+MTNET: 0,", name, BEARER_NUMBERS[name])

    # The connection.

    def read_open(self) -> Result:
        """How far the connection is."""
        return f"+MTOPEN: {self._state},{self._type},{self._offered},{self._readable}"

    @property
    def _readable(self) -> int:
        return 0 if self._connection is None or self._state < OPEN else self._connection.available

    def set_open(self, kind: str, host: str, port: str, resume: str = "") -> Result:
        """Connect."""
        if kind not in ("TLS", "TCP") or not re.fullmatch(r"[A-Za-z0-9._:-]{1,200}", host):
            raise AgentError(701)
        number = self.number(port, 1, 65535)
        offer = bool(resume) and self.number(resume, 0, 1) == 1 and kind == "TLS"
        if self._state != CLOSED:
            raise AgentError(702 if self._state == OPENING else 716)
        if not self.online:
            raise AgentError(712)
        ticket = self._session[2] if offer and self._session and self._session[:2] == (host, number) else None
        tls = self._tls(host, ticket) if kind == "TLS" else None
        if not self.settings.licensed:
            raise AgentError(711)
        self._forget()
        self._state, self._type, self._offered = OPENING, kind, int(ticket is not None)
        self.call_later(self.settings.opening_time, lambda: self._dial(host, number, tls))
        return None

    def _tls(self, host: str, ticket: Ticket | None) -> TlsSettings:
        from modemtls.sim import TlsSettings

        configuration = self.configuration
        if not self.settings.plug_in:
            raise AgentError(710)
        if configuration.verify == "NONE":
            raise AgentError(717)
        found = [
            self.read_object(kind, number) if number is not None else b""
            for kind, number in zip(KINDS, configuration.ids, strict=True)
        ]
        if None in found:
            raise AgentError(703)
        ca, certificate, key = (data or b"" for data in found)
        verifies = configuration.verify != "NEVER"
        return TlsSettings(
            server_name=host if self.settings.sni else None,
            check_chain=verifies,
            check_dates=verifies,
            check_hostname=verifies and self.settings.check_hostname,
            minimum=TlsVersion.TLS1_0,
            maximum=_VERSIONS[self.settings.max_tls],
            time=self.clock.read(),
            cipher_suites=() if self.settings.ec_keys else _RSA_SUITES,
            ca_pem=_readable(ca),
            certificate_pem=certificate,
            key_pem=key,
            anchor_dates=self.settings.anchor_dates,
            session=ticket,
        )

    def _dial(self, host: str, port: int, tls: TlsSettings | None) -> None:
        if self._state != OPENING:
            return

        def watch() -> None:
            if self._connection is not connection:
                return
            if self._state == OPENING:
                self._opening(connection, host, port)
            if self._state == OPEN:
                self._look()

        connection = self.connect(host, port, tls, watch)
        self._connection = connection
        watch()

    def _opening(self, connection: Connection, host: str, port: int) -> None:
        if connection.state.name == "CLOSED":
            problem = connection.problem
            if problem is not None and problem.failure is Failure.CREDENTIALS:
                problem = Problem(Failure.TLS_HANDSHAKE, problem.detail)
            self._failed(*event_of(problem, hung_up=True))
        elif connection.state.name == "OPEN":
            self._state = OPEN
            if connection.tls is not None and connection.session is not None:
                self._session = (host, port, connection.session)
            self.urc("+MTOPEN: 1")

    def _failed(self, name: str, raw: int) -> None:
        if self._offered:
            self._session = None
        self._forget()
        self._event("+MTOPEN: 0,", name, raw)

    def _ended(self, name: str, raw: int) -> None:
        self._state, self._outcome = ENDED, (name, raw)
        self._event("+MTCLOSED: ", name, raw)

    def _look(self) -> None:
        """Tell of new bytes and of the other side's end."""
        connection = self._connection
        if connection is None or self._state != OPEN:
            return
        if connection.available and not self._told:
            self._told = True
            self.urc("+MTDATA")
        if connection.state.name == "CLOSED":
            problem = connection.problem
            hung_up = connection.clean_close is not False or "close_notify" in (
                problem.detail if problem else ""
            )
            self._ended(*event_of(problem, hung_up=hung_up))

    def expects_answer(self, connection: Connection) -> bool:
        """Nothing has come since the last bytes went out."""
        arrived = self._received + connection.available
        return arrived == self._arrived_at_send or super().expects_answer(connection)

    def set_send(self, length: str, announced: str) -> Result:
        """Send so many bytes."""
        size = self.number(length, 1, _MOST_SENT)
        if not re.fullmatch(r"[0-9A-Fa-f]{8}", announced):
            raise AgentError(701)
        if self._state != OPEN:
            raise AgentError(715)
        return self.counted(size, announced, self._send)

    def _send(self, data: bytes) -> Result:
        connection = self._connection
        if connection is not None and connection.state.name != "OPEN":
            self._look()
        if connection is None or self._state != OPEN:
            raise AgentError(721, *self._outcome)
        connection.send(data)
        has_room = connection.unsent <= _SEND_BUFFER
        self._arrived_at_send = self._received + connection.available
        if connection.poll():
            self.call_later(0.0, self._look)
        if has_room:
            return None
        from modemtls.sim import Later

        limit = self.now + _STALL_SECONDS

        def start(done: Callable[[Result], None]) -> None:
            def look() -> None:
                if self._state != OPEN or connection.state.name != "OPEN":
                    self._look()
                    done(self.noted(AgentError(721, *self._outcome)))
                elif connection.unsent <= _SEND_BUFFER:
                    done(None)
                elif self.now >= limit:
                    self._state, self._outcome = ENDED, ("", 0)
                    done(self.noted(AgentError(721)))
                else:
                    self.call_later(0.01, look)

            look()

        return Later(start)

    def set_recv(self, most: str) -> Result:
        """Give what has come, by count, or the last block once more."""
        limit = self.number(most, 0, _MOST_RECEIVED)
        connection = self._connection
        if self._state not in (OPEN, ENDED) or connection is None:
            raise AgentError(715)
        if limit:
            data = connection.receive(limit)
            self._received += len(data)
            ended = int(self._state == ENDED and len(data) < limit)
            if data:
                self._blocks = self._blocks % 65535 + 1
            self._block = (data, ended, self._blocks)
            if not connection.available:
                self._told = False
            # room in the buffer lets more in, and the end may be due now: after the result, so by a timer
            self.call_later(0.0, self._more)
        data, ended, number = self._block
        line = f"\r\n+MTRECV: {len(data)},{crc(data)},{ended},{number}\r\n".encode()
        return Raw(line + data)

    def _more(self) -> None:
        if self._connection is not None:
            self._connection.poll()
        self._look()

    def do_close(self) -> Result:
        """Close, whatever the state."""
        self._forget()
        return None

    # The saved session.

    def read_sess(self) -> Result:
        """Whether a session is saved."""
        return f"+MTSESS: {int(self._session is not None)}"

    def set_sess(self, zero: str) -> Result:
        """Release it."""
        self.number(zero, 0, 0)
        self.release_session()
        return None

    def release_session(self) -> None:
        """Forget the saved TLS session."""
        self._session = None
