"""What a log of these modems shows: profiles, slots and HTTP settings as they stood when a connection failed.

The commands are followed in their order, because what counts is what a profile said when it was used, not what
somebody set afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modemtls import Certainty, Check, Finding, Reason, Severity
from modemtls.at import fields, number

from .profile import decode

if TYPE_CHECKING:
    from modemtls import Limits, StoredProfile
    from modemtls.paste import Entry, Exchange, Paste

__all__ = ["read_log"]

_FORUM = "public forum thread of the vendor on error 77 and certValidLevel"
_HTTP_FIELDS = ("prfId", "server", "port", "auth", "user", "password", "ssl", "timeout", "cnxId", "spId")


@dataclass
class _Log:
    """What is known so far, reading from the top."""

    limits: Limits
    levels: Mapping[frozenset[Check], int] | None
    profiles: dict[int, tuple[StoredProfile, Entry]] = field(default_factory=dict)
    written: dict[int, Entry] = field(default_factory=dict)
    emptied: dict[int, Entry] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)

    def add(
        self,
        reason: Reason,
        severity: Severity,
        certainty: Certainty,
        message: str,
        remedy: str | None,
        *evidence: Entry,
        source: str | None = None,
    ) -> None:
        shown = tuple(entry.shown for entry in evidence)
        self.found.append(Finding(reason, severity, certainty, message, remedy, shown, source))

    def profile(self, line: str, entry: Entry) -> None:
        """A profile as a command sets it, or as the modem shows it."""
        if stored := decode(line, levels=self.levels, limits=self.limits):
            self.profiles[stored.number] = (stored, entry)

    def judge_profiles(self) -> Iterator[Finding]:
        for stored, entry in self.profiles.values():
            for problem in stored.problems:
                yield replace(problem, evidence=(entry.shown, *problem.evidence))
            slot = stored.ca_slot
            if slot is not None and slot in self.emptied and slot not in self.written:
                yield Finding(
                    Reason.SLOT_EMPTY,
                    Severity.ERROR,
                    Certainty.DERIVED,
                    f"Security profile {stored.number} names slot {slot} for its CA; the log empties that slot and"
                    " fills it with nothing.",
                    "Store the CA: modemtls cert trust FILE",
                    (entry.shown, self.emptied[slot].shown),
                )


def read_log(paste: Paste, limits: Limits, levels: Mapping[frozenset[Check], int] | None) -> list[Finding]:
    """The findings in ``paste``; ``levels``: which certValidLevel makes which checks, where that is known."""
    log = _Log(limits, levels)
    problems: dict[Finding, None] = {}
    for exchange in paste.exchanges:
        arguments = exchange.arguments
        match exchange.name:
            case "+SQNSPCFG" if arguments is not None:
                log.profile(f"+SQNSPCFG: {arguments}", exchange.command)
            case "+SQNSNVW" if arguments is not None:
                _stored(log, exchange, arguments)
            case "+SQNHTTPCFG" if arguments is not None:
                _http(log, exchange.command, arguments)
            case "+SQNSD" if arguments is not None:
                _host(log, exchange.command, (*fields(f"+X: {arguments}"), "", "", "", "")[3])
                problems.update(dict.fromkeys(log.judge_profiles()))
            case "+SQNHTTPCONNECT" | "+SQNHTTPQRY" | "+SQNHTTPSND":
                problems.update(dict.fromkeys(log.judge_profiles()))  # as they stand at the connection
        for entry in exchange.answers:
            if entry.text.startswith("+SQNSPCFG:"):
                _echoed(log, exchange, entry)
    problems.update(dict.fromkeys(log.judge_profiles()))
    if not paste.exchanges:
        for entry in paste.entries:  # a profile alone, without the command that showed it
            if entry.text.startswith("+SQNSPCFG:"):
                log.profile(entry.text, entry)
        problems.update(dict.fromkeys(log.judge_profiles()))
    return [*_once(problems), *log.found]


def _once(problems: Mapping[Finding, None]) -> Iterator[Finding]:
    """One finding for a problem, however often the log shows it."""
    seen: dict[tuple[str, str | None], Finding] = {}
    for problem in problems:
        seen.setdefault((problem.message, problem.value), problem)
    yield from seen.values()


def _echoed(log: _Log, exchange: Exchange, entry: Entry) -> None:
    log.profile(entry.text, entry)
    given, shown = fields(f"+X: {exchange.arguments or ''}"), fields(entry.text)
    if (
        exchange.name == "+SQNSPCFG"
        and exchange.arguments
        and len(given) > 3
        and given != shown[: len(given)]
    ):
        log.add(
            Reason.BYTES_LOST, Severity.NOTE, Certainty.GUESSED,
            "The profile that the modem shows is not the one that was sent: the page may have dropped commas, or the"
            " line bytes. The modem's answer is what is judged here.",
            None, exchange.command, entry,
        )  # fmt: skip


def _stored(log: _Log, exchange: Exchange, arguments: str) -> None:
    values = fields(f"+X: {arguments}")
    if len(values) < 2 or (slot := number(values[1])) is None:
        return
    size = number(values[2]) if len(values) > 2 else None
    key = values[0].lower() == "privatekey"
    command = exchange.command
    if slot not in log.limits.slots:
        log.add(
            Reason.INVALID_PARAMETER, Severity.ERROR, Certainty.STATED,
            f"Slot {slot} does not exist: slots are {log.limits.slots[0]} to {log.limits.slots[-1]}.",
            "Use a free one above 10: modemtls cert list", command,
            source="Monarch 2 AT commands reference manual, AT+SQNSNVW, as quoted in public drivers",
        )  # fmt: skip
    elif slot in log.limits.reserved_slots and not key:
        log.add(
            Reason.SLOT_RESERVED, Severity.WARNING, Certainty.STATED,
            f"Slot {slot} belongs to the modem's vendor; writing to it may break what the vendor keeps there.",
            "Use a free one above 10: modemtls cert trust FILE", command,
            source="public drivers: slots 0-4 and 7-10 are the vendor's",
        )  # fmt: skip
    if not size:
        if not key and size == 0:
            log.emptied[slot] = command
            log.written.pop(slot, None)
        return
    if not key:
        log.written[slot] = command
    most = log.limits.max_key_bytes if key else log.limits.max_certificate_bytes
    if most is not None and size > most:
        log.add(
            Reason.TOO_LARGE, Severity.ERROR, Certainty.DERIVED,
            f"{size} bytes are announced for slot {slot}; it takes at most {most}.",
            "Leave out what is not needed, e.g. the certificates that are no CA: modemtls cert lint FILE", command,
        )  # fmt: skip
    for entry in exchange.answers:
        if entry.size is not None and entry.size != size:
            with_returns = (
                " (with CR LF at each end of a line it is another one)" if entry.size < size else ""
            )
            log.add(
                Reason.MALFORMED, Severity.WARNING, Certainty.GUESSED,
                f"{size} bytes are announced for slot {slot}, and the {entry.text.lower()} in the log has {entry.size}"
                f" with LF as its line ends{with_returns}. The modem waits for the rest, or takes what comes next.",
                "Send exactly as many bytes as are announced: modemtls cert import FILE counts them.",
                command, entry,
                source="public guide of an operator: strip carriage returns before AT+SQNSNVW",
            )  # fmt: skip
        if entry.size is not None and ("KEY" in entry.text) != key:
            log.add(
                Reason.NOT_A_CERTIFICATE, Severity.ERROR, Certainty.DERIVED,
                f"A {entry.text.lower()} is stored as {'a private key' if key else 'a certificate'}.",
                "Store each under its own type: modemtls cert import FILE", command, entry,
            )  # fmt: skip


def _http(log: _Log, command: Entry, arguments: str) -> None:
    values = dict(zip(_HTTP_FIELDS, fields(f"+X: {arguments}"), strict=False))
    server, port, tls = values.get("server", ""), values.get("port", ""), values.get("ssl", "")
    _host(log, command, server)
    if tls == "0" and port in ("443", "8443"):
        log.add(
            Reason.NOT_TLS, Severity.ERROR, Certainty.DERIVED,
            f"ssl_enabled is 0 and the port is {port}: the modem speaks plain HTTP where a server expects TLS.",
            "Set ssl_enabled to 1 and name a security profile.", command,
        )  # fmt: skip
    if tls == "1" and not values.get("spId"):
        log.add(
            Reason.PROFILE_ILLEGAL, Severity.WARNING, Certainty.GUESSED,
            "TLS is asked for, and no security profile is named: which one is used then is not published.",
            "Name one as the tenth field.", command,
        )  # fmt: skip
    profile = number(values.get("spId", ""))
    if tls == "1" and profile is not None and log.profiles and profile not in log.profiles:
        log.add(
            Reason.PROFILE_ILLEGAL, Severity.WARNING, Certainty.GUESSED,
            f"Security profile {profile} is used, and the log configures"
            f" {', '.join(map(str, sorted(log.profiles)))}.",
            "Look at what it is: modemtls profile show", command,
        )  # fmt: skip


def _host(log: _Log, command: Entry, server: str) -> None:
    if "/" in server or server.count(":") == 1:
        host = server.split("://")[-1].split("/")[0].split(":")[0]
        log.add(
            Reason.INVALID_PARAMETER, Severity.WARNING, Certainty.GUESSED,
            f"The server address {server!r} holds more than a host name. The path belongs into AT+SQNHTTPQRY; where the"
            " host name is verified, this is what the certificate would have to say.",
            f'Give the host alone: "{host}"', command,
            source=f"{_FORUM}: such an address connected there at certValidLevel 1, which compares no host name",
        )  # fmt: skip
