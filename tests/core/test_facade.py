"""What applications hold: blocking and awaited alike, nothing lost, nothing vendor-made."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from datetime import UTC, datetime

import pytest

import modemtls
from modemtls import CommandError, ModemError, ModemTimeout, Unsupported, facets, modem, sessions

from .bench import Tap, commands, inside, opened, opened_async, restart

FACETS = [name for name in facets.__all__ if f"Async{name}" in facets.__all__]
PAIRS = [
    (modem.Modem, modem.AsyncModem),
    (sessions.HttpsSession, sessions.AsyncHttpsSession),
    *((getattr(facets, name), getattr(facets, f"Async{name}")) for name in FACETS),
]
ASYNC_NAMES = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


def public(kind: type) -> dict[str, inspect.Signature]:
    names = [n for n in dir(kind) if not n.startswith("_") or n in (*ASYNC_NAMES, *ASYNC_NAMES.values())]
    back = {late: early for early, late in ASYNC_NAMES.items()}
    return {back.get(n, n): inspect.signature(getattr(kind, n)) for n in names if callable(getattr(kind, n))}


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS, ids=[kind.__name__ for kind, _ in PAIRS])
def test_both_faces_have_the_same_methods_with_the_same_arguments(blocking: type, awaited: type) -> None:
    mine, other = public(blocking), public(awaited)
    assert mine.keys() == other.keys()
    assert mine
    for name, signature in mine.items():
        assert signature.parameters == other[name].parameters or [
            (p.name, p.kind, p.default, str(p.annotation)) for p in signature.parameters.values()
        ] == [(p.name, p.kind, p.default, str(p.annotation)) for p in other[name].parameters.values()], name
    for name in mine:
        assert inspect.getdoc(getattr(blocking, name, None)) == inspect.getdoc(
            getattr(awaited, ASYNC_NAMES.get(name, name), None)
        ), name


def test_each_facet_has_both_faces() -> None:
    facet_names = {name for name in facets.__all__ if not name.startswith("Async") and name != "Facts"}
    assert facet_names
    assert all(f"Async{name}" in facets.__all__ for name in facet_names)


def test_open_and_open_async_take_the_same() -> None:
    assert inspect.signature(modemtls.open).parameters == inspect.signature(modemtls.open_async).parameters
    names = set(inspect.signature(modemtls.open).parameters) - {"port"}
    assert names - {"record"} == set(modemtls.Settings.__dataclass_fields__)


def test_clock_is_read_set_and_refused_when_naive() -> None:
    with opened() as modem:
        assert not modem.clock.read().is_set
        tap = Tap(modem)
        with pytest.raises(ValueError, match="aware"):
            modem.clock.set(datetime(2026, 1, 1))
        assert b"CCLK" not in tap.sent
        moment = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
        found = modem.clock.set(moment)
        assert found.is_set
        assert abs((found.time - moment).total_seconds()) < 5
        assert modem.clock.set_from_network().is_set


def test_raw_command_gives_the_reply_and_a_refusal_is_one_too() -> None:
    with opened() as modem:
        reply = modem.command("AT+CGMM")
        assert (reply.ok, reply.lines) == (True, ("GM02S",))
        refusal = modem.command("AT+NOSUCH")
        assert not refusal.ok
        with pytest.raises(CommandError):
            modem.command("AT\r\nAT+CFUN=0")
        with pytest.raises(CommandError):
            modem.command("ATü")
        assert "AT+CFUN=0" not in commands(modem)


def test_raw_command_with_data(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        assert modem.command(f'AT+SQNSNVW="certificate",12,{len(cas[0])}', data=cas[0]).ok
        assert inside(modem).nvm.get("certificate", 12) == cas[0]


def test_profile_is_reset_and_what_it_was_is_kept(cas: tuple[bytes, ...]) -> None:
    with opened() as modem:
        modem.trust(cas[0])
        modem.profiles.reset(6)
        assert modem.profiles.list() == ()
        for wrong in (0, 7, -1):
            with pytest.raises(Unsupported, match="1 to 6"):
                modem.profiles.reset(wrong)


def test_findings_name_an_illegal_value_and_an_empty_slot() -> None:
    with opened() as modem:
        modem.command('AT+SQNSPCFG=1,2,"",7,15')
        ((profile, found),) = modem.profiles.findings()
        assert profile.number == 1
        assert profile.checks is None
        words = " ".join(finding.message for finding in found)
        assert "certValidLevel 7" in words
        assert "slot 15" in words
        assert [finding.severity for finding in found] == sorted(finding.severity for finding in found)


def test_modem_that_restarted_is_put_in_order_before_the_next_command() -> None:
    with opened(echo="yes") as modem:
        restart(modem)
        assert modem.command("AT+CGMM").lines == ("GM02S",)
        restart(modem)
        assert modem.clock.read()
        assert modem.network.up().is_up


def test_closed_modem_says_so_and_can_be_closed_again() -> None:
    modem = opened()
    modem.close()
    modem.close()
    with pytest.raises(modemtls.PortError):
        modem.clock.read()


def test_events_are_kept_and_listened_to() -> None:
    heard: list[str] = []
    with opened() as modem:
        modem.events()
        end = modem.on_event(lambda event: heard.append(event.line))
        inside(modem).urc("+CRING: VOICE")
        assert [event.line for event in modem.events(timeout=1)] == ["+CRING: VOICE"]
        end()
        inside(modem).urc("+CRING: DATA")
        assert [event.line for event in modem.events(timeout=1)] == ["+CRING: DATA"]
        assert modem.events() == ()
        assert heard == ["+CRING: VOICE"]


def test_async_modem_does_the_main_things() -> None:
    async def work() -> None:
        async with await opened_async() as modem:
            assert (await modem.network.up()).is_up
            assert (await modem.clock.read()).is_set
            assert [stored.slot for stored in await modem.credentials.list()] == [0]
            assert await modem.profiles.list() == ()
        await modem.close()
        with pytest.raises(modemtls.PortError):
            await modem.clock.read()

    asyncio.run(work())


def test_errors_from_a_modem_pickle_and_copy() -> None:
    with opened() as modem:
        with pytest.raises(ModemError) as caught:
            modem.https("one.test").get("/")
        for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
            assert type(again) is type(caught.value)
            assert (str(again), again.reasons, again.lines) == (
                str(caught.value), caught.value.reasons, caught.value.lines,
            )  # fmt: skip


def test_codes_are_explained_without_asking_the_modem() -> None:
    with opened() as modem:
        tap = Tap(modem)
        entry = modem.explain("+SQNHTTPCONNECT: 1,77")
        assert entry is not None
        assert entry.number == 77
        assert modem.explain("OK") is None
        assert modem.explain("") is None
        assert tap.sent == b""


@pytest.mark.parametrize("data", [None, b"x"])
def test_no_time_for_a_raw_command_is_no_time_and_not_the_default(data: bytes | None) -> None:
    with opened() as modem:
        port = modem._port
        began = port.now()
        with pytest.raises(ModemTimeout):
            modem.command("AT+CGMM", data=data, timeout=0)
        assert port.now() == began
        assert modem.command("AT+CGMM").lines == ("GM02S",)
