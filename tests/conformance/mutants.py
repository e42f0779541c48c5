"""Drivers with one fault each: what the kit must find.

A mutant changes one thing of a driver that passes.  ``caught_by`` names a test of the kit and its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from modemtls import Capability, Check, CredentialKind, Enforcement, ErrorTable, TlsProfile, TlsVersion
from modemtls.at import Announced, Command, fields, number
from modemtls.testing.conformance.bench import WAYS
from modemtls.testing.conformance.lines import Fault
from modemtls_sequans import errors, models, store
from modemtls_sequans.driver import SequansDriver

Patch = pytest.MonkeyPatch
Test = tuple[str, dict[str, Any]]

STREAM, CLIENT, HOST = WAYS["tls-stream"], WAYS["http-client"], WAYS["host-tls"]
CHAIN = frozenset({Check.CHAIN, Check.DATES})
STRICT = frozenset(Check)


@dataclass(frozen=True)
class Mutant:
    """``apply`` breaks the driver for the time of a test."""

    name: str
    apply: Callable[[Patch], None]
    caught_by: Test


def _bodies(way: Any) -> Test:
    return "test_bodies_of_every_size_arrive_whole", {"way": way}


def _hostile(way: Any) -> Test:
    return "test_bodies_that_look_like_a_modem_go_both_ways_unharmed", {"way": way}


def _wrong(kind: str, way: Any) -> Test:
    return "test_what_is_wrong_with_a_server_gives_the_right_class", {"kind": kind, "way": way}


def _plain(name: str, **given: Any) -> Test:
    return name, given


def _swapped(namespace: str, one: int, other: int) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        numbers = {str(one): other, str(other): one}
        rows = [
            replace(row, number=numbers.get(str(row.number), row.number))
            if row.namespace == namespace
            else row
            for row in errors.ERRORS
        ]
        patch.setattr(errors, "ERRORS", ErrorTable(rows))

    return apply


def _profile(**changed: Any) -> Callable[[Patch], None]:
    """The security profile is written without something, and compared without it too."""

    def apply(patch: Patch) -> None:
        real = SequansDriver._arguments

        def arguments(self: Any, number: int, wanted: TlsProfile) -> Any:
            return real(self, number, replace(wanted, **changed))

        patch.setattr(SequansDriver, "_arguments", arguments)

    return apply


def _levels(strict: int, chain: int) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        levels = {frozenset[Check](): 0, CHAIN: chain, STRICT: strict}
        patch.setattr(store, "LEVELS_MONARCH_2", levels)

    return apply


def _deaf_to(*words: str) -> Callable[[Patch], None]:
    def apply(patch: Patch) -> None:
        dialect = SequansDriver.dialect
        urcs = tuple(word for word in dialect.urcs if word not in words)
        boots = tuple(word for word in dialect.boot_urcs if word not in words)
        patch.setattr(SequansDriver, "dialect", replace(dialect, urcs=urcs, boot_urcs=boots))

    return apply


def _limits(**changed: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(models, "_LIMITS", replace(models._LIMITS, **changed))


def _says_it_can(**more: Any) -> Callable[[Patch], None]:
    real = Enforcement

    def apply(patch: Patch) -> None:
        patch.setattr(models, "Enforcement", lambda **given: real(**{**given, **more}))

    return apply


def _body_by_ok(patch: Patch) -> None:
    real = SequansDriver._receive

    async def receive(self: Any, socket: int, limit: int) -> bytes:
        return (await real(self, socket, limit)).split(b"\r\nOK\r\n")[0]

    patch.setattr(SequansDriver, "_receive", receive)


def _one_less(patch: Patch) -> None:
    async def receive(self: Any, socket: int, limit: int) -> bytes:
        def count(line: str) -> int | None:
            found = number(fields(line)[1])
            return None if found is None else found - 1

        command = Command.set("+SQNSRECV", socket, limit)
        reply = await self.channel.download(command, Announced(count, limit), timeout=10.0)
        payload: bytes = reply.payload
        return payload

    patch.setattr(SequansDriver, "_receive", receive)


def _sent_twice(patch: Patch) -> None:
    real = SequansDriver.send_stream

    async def send(self: Any, socket: int, data: bytes, progress: Any = None) -> None:
        await real(self, socket, data, progress)
        await real(self, socket, data, progress)

    patch.setattr(SequansDriver, "send_stream", send)


def _short_body(patch: Patch) -> None:
    real = SequansDriver._body

    async def body(self: Any, *given: Any, **more: Any) -> Any:
        return (await real(self, *given, **more))[:-1]

    patch.setattr(SequansDriver, "_body", body)


async def _nothing(self: Any, *_: Any, **__: Any) -> None:
    pass


def _does_nothing(name: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(SequansDriver, name, _nothing)


def _never_gives_up(patch: Patch) -> None:
    real = SequansDriver.receive_stream

    async def receive(self: Any, socket: int, limit: int, timeout: float) -> bytes | None:
        return await real(self, socket, limit, timeout * 100 + 1000)

    patch.setattr(SequansDriver, "receive_stream", receive)


def _pin_in_the_open(patch: Patch) -> None:
    """Nobody says of the PIN that it is a secret: neither where the command is built, nor the dialect."""
    import modemtls.standard as standard

    patch.setattr(standard, "secret", lambda value: value)
    patch.setattr(SequansDriver, "dialect", replace(SequansDriver.dialect, redact=lambda line: line))


def _next_slot(patch: Patch) -> None:
    real = SequansDriver.write_credential

    async def write(self: Any, slot: int, kind: CredentialKind, data: bytes, progress: Any = None) -> None:
        await real(self, slot - 1, kind, data, progress)

    patch.setattr(SequansDriver, "write_credential", write)


def _eats_events(patch: Patch) -> None:
    real = SequansDriver.read_clock

    async def read(self: Any) -> Any:
        found = await real(self)
        self.channel.discard(lambda line: True)
        return found

    patch.setattr(SequansDriver, "read_clock", read)


def _zone_turned(patch: Patch) -> None:
    import modemtls.standard as standard

    real = standard.parse_clock
    turned = str.maketrans("+-", "-+")
    patch.setattr(standard, "parse_clock", lambda text, **more: real(text.translate(turned), **more))


def _always_set(patch: Patch) -> None:
    patch.setattr(SequansDriver, "unset_years", frozenset())


def _short_list(patch: Patch) -> None:
    real = SequansDriver.list_credentials

    async def listed(self: Any) -> Any:
        return (await real(self))[:-1]

    patch.setattr(SequansDriver, "list_credentials", listed)


def _talks_in_the_clear(patch: Patch) -> None:
    patch.setattr(SequansDriver, "_require_tls", _nothing)


def _uploads_blindly(patch: Patch) -> None:
    real = SequansDriver.send_stream

    async def send(self: Any, socket: int, data: bytes, progress: Any = None) -> None:
        await real(self, socket, data.replace(b"\x1a", b""), progress)

    patch.setattr(SequansDriver, "send_stream", send)


def _asks_first(patch: Patch) -> None:
    """An ability that is not there is found out by asking the modem."""
    from modemtls.operations import Operations

    patch.setattr(
        models,
        "_CAPABILITIES",
        frozenset(c for c in models._CAPABILITIES if c.value not in ("network-time",)),
    )

    async def fetch(self: Any) -> Any:
        await self.driver.network_status()
        raise self.driver.unsupported("time from the network")

    patch.setattr(Operations, "set_clock_from_network", fetch)


MUTANTS = (
    Mutant("refused and unverified swapped", _swapped("http", 7, 60), _wrong("closed", CLIENT)),
    Mutant("handshake and certificate swapped", _swapped("http", 35, 60), _wrong("stranger", CLIENT)),
    Mutant("refused and TLS swapped", _swapped("socket", -3, -5), _wrong("closed", STREAM)),
    Mutant("CA slot forgotten", _profile(ca_slot=None), _plain("test_echo_makes_no_difference", way=STREAM, echo="no")),
    Mutant("host name bit dropped", _levels(strict=1, chain=1), _wrong("elsewhere", STREAM)),
    Mutant("nothing verified", _levels(strict=0, chain=0), _wrong("stranger", CLIENT)),
    Mutant("dates not asked for by name", _levels(strict=5, chain=5), _plain(
        "test_a_set_of_checks_is_made_by_a_real_handshake_or_refused", way=STREAM, checks=CHAIN)),
    Mutant("cipher suites forgotten", _profile(cipher_suites=()), _plain(
        "test_cipher_suites_are_held_or_refused", way=STREAM)),
    Mutant("minimum version forgotten", lambda patch: patch.setattr(store, "version_for", lambda _: 2), _plain(
        "test_a_minimum_version_is_held_or_refused", way=STREAM, version=TlsVersion.TLS1_3)),
    Mutant("client key forgotten", _profile(client_slot=None, client_key_slot=None), _plain(
        "test_a_client_certificate_is_shown_to_the_server_or_refused", way=STREAM)),
    Mutant("resumption forgotten", _profile(resumption=False), _plain(
        "test_resumption_shortens_the_second_handshake_or_is_refused", way=STREAM)),
    Mutant("profile not compared", lambda patch: patch.setattr(
        SequansDriver, "profile_matches", lambda self, stored, wanted: True), _plain(
        "test_each_session_has_the_policy_that_it_was_given", way=STREAM)),
    Mutant("profile never written", _does_nothing("write_profile"), _bodies(STREAM)),
    Mutant("securing not read back", _talks_in_the_clear, _plain(
        "test_no_failing_step_makes_it_talk_to_a_stranger_or_in_the_clear", kind="plain", fault=Fault.LIE)),
    Mutant("dial report ignored", _does_nothing("_dialled"), _wrong("stranger", STREAM)),
    Mutant("the HTTP client's body one byte short", _short_body, _bodies(CLIENT)),
    Mutant("restart ignored", _deaf_to("+SYSSTART"), _plain(
        "test_a_restart_in_the_middle_is_said_so_and_the_modem_is_usable_after_it")),
    Mutant("events eaten", _eats_events, _plain(
        "test_an_event_reaches_whoever_listens_alone_and_before_a_result")),
    Mutant("body read by searching for OK", _body_by_ok, _hostile(STREAM)),
    Mutant("one byte less read", _one_less, _bodies(STREAM)),
    Mutant("control bytes left out", _uploads_blindly, _hostile(STREAM)),
    Mutant("data sent twice", _sent_twice, _plain("test_a_request_is_sent_once", way=STREAM)),
    Mutant("most bytes of a command ignored", _limits(max_send_bytes=100_000), _hostile(STREAM)),
    Mutant("a slot of the vendor's preferred", _limits(preferred_slots=(7, 19)), _plain(
        "test_the_record_resolves_without_a_modem_and_agrees_with_itself")),
    Mutant("sockets not closed", _does_nothing("close_stream"), _wrong("closed", STREAM)),
    Mutant("HTTP client not closed", _does_nothing("http_disconnect"), _wrong("stranger", CLIENT)),
    Mutant("timeout ignored", _never_gives_up, _wrong("stalls", HOST)),
    Mutant("PIN in the open", _pin_in_the_open, _plain("test_no_secret_is_logged_recorded_or_part_of_an_error")),
    Mutant("the slot beside", _next_slot, _plain("test_the_flash_holds_the_very_bytes")),
    Mutant("not removed", _does_nothing("remove_credential"), _plain(
        "test_what_is_stored_is_listed_replaced_and_removed")),
    Mutant("last line of the list left out", _short_list, _plain(
        "test_what_is_stored_is_listed_replaced_and_removed")),
    Mutant("clock not set", _does_nothing("set_clock"), _plain(
        "test_a_capability_works_or_is_refused_without_a_byte", capability=Capability.SET_CLOCK)),
    Mutant("time zone turned round", _zone_turned, _plain("test_the_time_zone_of_the_clock_counts_the_right_way")),
    Mutant("unset clock taken for set", _always_set, _plain("test_a_clock_that_nobody_set_is_known_as_unset")),
    Mutant("server name promised", _says_it_can(server_name=True), _plain(
        "test_another_server_name_is_sent_and_checked_or_refused", way=STREAM)),
    Mutant("asked before it is refused", _asks_first, _plain(
        "test_a_capability_works_or_is_refused_without_a_byte", capability=Capability.NETWORK_TIME)),
)  # fmt: skip
