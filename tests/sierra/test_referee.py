"""The referee: what the simulated module and the compiled agent say in the same conversation is the same, byte by byte.

Objects, configuration, bearer and the firmware around the agent are here; connections are in
``test_referee_connections``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from .agent import crc
from .command_lists import AT_REST, REFUSED, WRONG_FORMS, WRONG_VALUES
from .referee import Scenario, Talk, agent_line, on_the_agent, on_the_simulator, simulated_line

OLD = bytes(range(256)) * 4
NEW = random.Random(4).randbytes(900)
LARGE = random.Random(5).randbytes(30_000)
SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *options: str, target: str = "mtagent-host", lost_after: float | None = None, **settings: object
) -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    """Make a function a scenario; several of these make several."""

    def add(talk: Callable[[Talk], None]) -> Callable[[Talk], None]:
        name = " ".join([talk.__name__, *options])
        assert name not in SCENARIOS
        SCENARIOS[name] = Scenario(talk, settings, options, target, lost_after)
        return talk

    return add


@scenario()
def first_words_with_echo(talk: Talk) -> None:
    talk.urc("+MTREADY")
    for command in (
        "AT+MTVER?",
        "AT+MTDEL=CA,1",
        "AT+MTFOO",
        "AT+CMEE=1",
        "AT+MTDEL=CA,1",
        "ATE0",
        "AT+MTVER?",
    ):
        talk.ask(command)
    talk.ask("ATE1")
    talk.put("CA", 1, b"echo is for command lines, not for data")
    talk.ask("AT+MTLIST?")


@scenario()
def what_is_no_command(talk: Talk) -> None:
    talk.start()
    talk.send(b"\r\n\r\nhello\r \r\x00\x01\r")
    talk.quiet()
    talk.ask("at+mtver?")
    talk.ask('AT+MTTLS = "NEVER" ;')
    talk.ask("AT+MTTLS?")


@scenario()
def errors_without_numbers(talk: Talk) -> None:
    talk.start()
    talk.ask("AT+CMEE=0")
    for command in ("AT+MTDEL=CA,1", "AT+MTPUT=CA,1,30001,00000000", "AT+MTOPEN=TCP,h,1", "AT+MTERR?"):
        talk.ask(command)


@scenario()
def identity(talk: Talk) -> None:
    talk.start()
    for command in ("AT+CGMI", "AT+CGMM", "AT+CGMR", "ATI3", "ATI9", "AT+CMEE?", "AT+WDWL?", "AT+WOPEN?", "AT+WOPEN=2",
                    "AT+WOPEN=7", "AT+WIPBR=?", "AT+CREG?", "AT+CGREG?", "AT+WIND?"):  # fmt: skip
        talk.ask(command)


@scenario()
def the_clock(talk: Talk) -> None:
    talk.start()
    for command in ("AT+MTCLK?", 'AT+CCLK="26/11/21,10:00:00"', "AT+MTCLK?", "AT+CCLK?", "AT+CCLK=26",
                    'AT+CCLK="26/13/01,00:00:00"', 'AT+CCLK="26/02/29,00:00:00"', 'AT+CCLK="97/12/31,23:59:01"',
                    "AT+MTCLK?"):  # fmt: skip
        talk.ask(command)
    talk.restart()
    talk.ask("AT+MTCLK?")


@scenario()
def objects_are_listed_in_order_replaced_and_deleted(talk: Talk) -> None:
    talk.start()
    for kind, number in (("KEY", 1), ("CA", 8), ("CERT", 2), ("CA", 1)):
        talk.put(kind, number, f"{kind} {number}".encode())
    talk.ask("AT+MTLIST?")
    talk.put("CA", 8, OLD)
    talk.put("CA", 8, NEW)
    talk.ask("AT+MTLIST?")
    for command in ("AT+MTDEL=CA,8", "AT+MTDEL=CA,8", "AT+MTERR?", "AT+MTLIST?"):
        talk.ask(command)
    talk.restart()
    talk.ask("AT+MTLIST?")
    talk.ask("AT+MTERR?")


@scenario()
def an_object_of_the_largest_size_and_one_more(talk: Talk) -> None:
    talk.start()
    talk.put("CA", 1, LARGE)
    talk.put("CA", 2, LARGE + b"x")
    talk.ask("AT+MTERR?")
    talk.ask("AT+MTLIST?")


@scenario()
def crc_in_capitals_and_a_wrong_one(talk: Talk) -> None:
    talk.start()
    talk.upload(f"AT+MTPUT=CERT,1,{len(OLD)},{crc(OLD).upper()}", OLD)
    talk.upload(f"AT+MTPUT=CERT,1,{len(NEW)},{crc(OLD)}", NEW)
    talk.ask("AT+MTERR?")
    talk.ask("AT+MTLIST?")


@scenario("--time-scale=50")
def an_upload_cut_off(talk: Talk) -> None:
    talk.start()
    talk.put("CA", 1, OLD)
    for sent in (0, 1, 120, 121, 899):
        talk.ask(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}")
        talk.send(NEW[:sent])
        talk.until(rb"706\r\n")
        talk.ask("AT+MTLIST?")
    talk.ask("AT+MTERR?")


@scenario("--time-scale=50")
def an_upload_cut_off_without_numbers_of_errors(talk: Talk) -> None:
    talk.start()
    talk.ask("AT+CMEE=0")
    talk.ask(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}")
    talk.send(NEW[:5])
    talk.until(rb"ERROR\r\n")
    talk.ask("AT+MTERR?")


@scenario("--reset-byte=1030", reboot_at_byte=1030)
@scenario("--reset-byte=1924", reboot_at_byte=1924)
def a_restart_in_an_upload(talk: Talk) -> None:
    talk.start()
    talk.put("CA", 1, OLD)
    talk.ask(f"AT+MTPUT=CA,1,{len(NEW)},{crc(NEW)}")
    talk.send(NEW)
    talk.start()
    talk.ask("AT+MTLIST?")
    talk.put("CA", 1, NEW)
    talk.ask("AT+MTLIST?")


@scenario()
def the_configuration(talk: Talk) -> None:
    talk.start()
    for kind in ("CA", "CERT", "KEY"):
        talk.put(kind, 2, kind.encode())
    for command in ("AT+MTTLS?", "AT+MTTLS=ALWAYS,2", "AT+MTTLS?", "AT+MTTLS=ONCE,2,2,2", "AT+MTTLS?", "AT+MTTLS=NEVER",
                    "AT+MTTLS?", "AT+MTTLS=NEVER,,2,2", "AT+MTTLS?", "AT+MTTLS=ALWAYS,3", "AT+MTTLS=ALWAYS,2,3,2",
                    "AT+MTTLS=ALWAYS,2,2", "AT+MTTLS=ONCE", "AT+MTERR?", "AT+MTTLS=NEVER,2,,", "AT+MTTLS?",
                    "AT+MTTLS=ALWAYS,2,,", "AT+MTTLS=ALWAYS,3,2", "AT+MTTLS=ALWAYS,3,9", "AT+MTTLS=ALWAYS,,2",
                    "AT+MTTLS=NEVER,,2,3", "AT+MTTLS?"):  # fmt: skip
        talk.ask(command)
    talk.restart()
    talk.ask("AT+MTTLS?")
    talk.ask("AT+MTTLS=NONE")
    talk.ask("AT+MTTLS?")


@scenario()
def objects_that_the_configuration_names(talk: Talk) -> None:
    talk.start()
    for kind in ("CA", "CERT", "KEY"):
        talk.put(kind, 2, OLD)
    talk.ask("AT+MTTLS=ALWAYS,2,2,2")
    for command in ("AT+MTDEL=CA,2", "AT+MTDEL=CERT,2", "AT+MTDEL=KEY,2", "AT+MTERR?", "AT+MTDEL=CA,1"):
        talk.ask(command)
    talk.put("CA", 2, NEW)
    talk.ask("AT+MTTLS=NEVER")
    talk.ask("AT+MTDEL=CA,2")
    talk.ask("AT+MTLIST?")


@scenario()
def an_object_that_rots(talk: Talk) -> None:
    talk.online()
    talk.put("CA", 1, NEW)
    talk.put("CA", 2, OLD)
    talk.ask("AT+MTTLS=ALWAYS,1")
    talk.damage("CA", 1, NEW)
    talk.ask("AT+CFUN=1")
    talk.online()
    for command in (
        "AT+MTLIST?",
        "AT+MTTLS=ALWAYS,1",
        "AT+MTTLS?",
        'AT+MTOPEN=TLS,"server.test",443',
        "AT+MTDEL=CA,1",
    ):
        talk.ask(command)
    talk.put("CA", 1, NEW)
    talk.ask("AT+MTLIST?")
    talk.ask("AT+MTTLS=NONE")
    talk.damage("CA", 1, NEW)
    talk.restart()
    talk.ask("AT+MTDEL=CA,1")
    talk.ask("AT+MTLIST?")


@scenario("--flash-size=8000", flash_bytes=8000)
def a_full_flash(talk: Talk) -> None:
    talk.start()
    for number in (1, 2, 3):
        talk.put("CA", number, LARGE[: 2900 + number])
    talk.ask("AT+MTERR?")
    talk.put("CA", 1, LARGE[:2950])
    talk.ask("AT+MTLIST?")
    talk.ask("AT+MTDEL=CA,2")
    talk.put("CA", 1, LARGE[:2950])
    talk.ask("AT+MTLIST?")


@scenario("--flash-rot=1", flash_fault=True)
def a_flash_that_keeps_something_else(talk: Talk) -> None:
    talk.start()
    talk.put("CA", 1, NEW)
    talk.ask("AT+MTERR?")
    talk.ask("AT+MTLIST?")


@scenario()
def the_application_is_stopped_erased_and_started(talk: Talk) -> None:
    talk.start()
    talk.put("CA", 1, OLD)
    talk.ask("AT+MTTLS=ALWAYS,1")
    talk.ask("AT+WOPEN=3")
    talk.ask("AT+WOPEN=0")
    talk.quiet(0.5)
    for command in ("ATE0", "AT+CMEE=1", "AT+MTVER?", "AT+MTLIST?", "AT+WOPEN?", "AT+WOPEN=7", "AT+WOPEN=0"):
        talk.ask(command)
    talk.ask("AT+WOPEN=1")
    talk.start()
    talk.ask("AT+MTLIST?")
    talk.ask("AT+WOPEN=0")
    talk.quiet(0.5)
    talk.ask("AT+WOPEN=3")
    talk.ask("AT+WOPEN=1")
    talk.start()
    for command in ("AT+MTLIST?", "AT+MTTLS?", "AT+MTDEL=CA,1"):
        talk.ask(command)
    talk.put("CA", 1, NEW)
    talk.ask("AT+MTLIST?")


@scenario("--wopen=0", application="stopped", boot_line=False)
def an_application_that_is_stopped(talk: Talk) -> None:
    talk.quiet(0.3)
    for command in (
        "AT",
        "ATE0",
        "AT+CMEE=1",
        "AT+MTVER?",
        "AT+MTLIST?",
        "AT+WOPEN?",
        "AT+WOPEN=7",
        "ATI3",
        "AT+WOPEN=1",
    ):
        talk.ask(command)
    talk.start()
    talk.ask("AT+MTVER?")


@scenario("--wopen=-1", application="none", boot_line=False)
def no_application(talk: Talk) -> None:
    talk.quiet(0.3)
    for command in ("ATE0", "AT+CMEE=1", "AT+MTVER?", "AT+WOPEN?", "AT+WOPEN=7", "AT+WOPEN=1", "ATI9"):
        talk.ask(command)


@scenario()
def the_bearer(talk: Talk) -> None:
    talk.online()
    talk.ask("AT+MTNET?")
    talk.ask('AT+MTNET=1,"other"')
    talk.urc("+MTNET")
    for command in ("AT+MTNET=0", "AT+MTNET?", "AT+MTNET=0", "AT+MTERR?"):
        talk.ask(command)
    talk.ask('AT+MTNET=1,"","75736572","7061737377"')
    talk.urc("+MTNET")
    talk.ask("AT+MTNET?")
    talk.restart()
    talk.ask("AT+MTNET?")


@scenario("--bearer-delay=100000", bearer_delay=100.0)
def a_bearer_that_is_starting(talk: Talk) -> None:
    talk.start()
    for command in ('AT+MTNET=1,"a"', 'AT+MTNET=1,"a"', "AT+MTERR?", "AT+MTNET?", "AT+MTOPEN=TCP,h,1", "AT+MTNET=0",
                    "AT+MTNET?", 'AT+MTNET=1,"a"', "AT+MTNET?", "AT+MTNET=0"):  # fmt: skip
        talk.ask(command)
    talk.quiet()


@scenario("--sim=absent", sim="absent")
@scenario("--registration=denied", registration="denied")
@scenario("--registration=never", registration="never")
@scenario("--apn=other", apn_required="other")
@scenario("--bearer-fail=WIP_BERR_PPP_LCP_FAILED", bearer_error="WIP_BERR_PPP_LCP_FAILED")
@scenario("--bearer-fail=WIP_BERR_PPP_AUTH_FAILED", bearer_error="WIP_BERR_PPP_AUTH_FAILED")
@scenario("--bearer-fail=WIP_BERR_PPP_IPCP_FAILED", bearer_error="WIP_BERR_PPP_IPCP_FAILED")
@scenario("--bearer-fail=WIP_BERR_GPRS_FAILED", bearer_error="WIP_BERR_GPRS_FAILED")
def a_bearer_that_fails(talk: Talk) -> None:
    talk.start()
    talk.ask("AT+CPIN?")
    talk.ask("AT+CREG?")
    for _ in range(2):
        talk.ask('AT+MTNET=1,"internet"')
        talk.urc("+MTNET")
        talk.ask("AT+MTERR?")
        talk.ask("AT+MTNET?")
    talk.ask('AT+MTOPEN=TCP,"server.test",1')


@scenario("--bearer-open-fail=WIP_BERR_NO_SIM", bearer_refusal="713")
@scenario("--bearer-start-fail=WIP_BERR_NO_SIM", bearer_refusal="714")
def a_bearer_that_is_refused(talk: Talk) -> None:
    talk.start()
    for _ in range(2):
        for command in ('AT+MTNET=1,"internet"', "AT+MTERR?", "AT+MTNET?"):
            talk.ask(command)


@scenario("--sim=pin", sim="pin")
def a_sim_that_wants_its_pin(talk: Talk) -> None:
    talk.start()
    talk.ask("AT+CPIN?")
    talk.ask('AT+MTNET=1,"internet"')
    talk.urc("+MTNET")
    talk.ask('AT+CPIN="9999"')
    talk.ask('AT+CPIN="1234"')
    talk.quiet(0.5)
    talk.ask("AT+CPIN?")
    talk.ask('AT+MTNET=1,"internet"')
    talk.urc("+MTNET")


@scenario(lost_after=0.5)
def a_bearer_that_is_lost(talk: Talk) -> None:
    talk.online()
    talk.urc("+MTNET: 0")
    for command in ("AT+MTNET?", "AT+MTERR?", 'AT+MTOPEN=TCP,"server.test",1', "AT+MTNET=0"):
        talk.ask(command)


@scenario("--null-create=yes", licensed=False)
def no_channels(talk: Talk) -> None:
    talk.online()
    talk.ask("AT+MTTLS=NEVER")
    for command in (
        'AT+MTOPEN=TCP,"server.test",1',
        'AT+MTOPEN=TLS,"server.test",1',
        "AT+MTERR?",
        "AT+MTOPEN?",
    ):
        talk.ask(command)


@scenario(target="mtagent-host-plain", plug_in="")
def no_security_plug_in(talk: Talk) -> None:
    talk.start()
    for command in ("AT+MTVER?", "ATI9", 'AT+MTOPEN=TLS,"server.test",1', "AT+MTTLS=NEVER", "AT+MTTLS?"):
        talk.ask(command)
    talk.ask('AT+MTNET=1,"internet"')
    talk.urc("+MTNET")
    for command in ('AT+MTOPEN=TLS,"server.test",1', "AT+MTERR?", "AT+MTSESS?", "AT+MTSESS=0", "AT+MTTLS=NONE",
                    'AT+MTOPEN=TLS,"server.test",1'):  # fmt: skip
        talk.ask(command)


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_say_the_same(name: str) -> None:
    assert on_the_agent(SCENARIOS[name]) == on_the_simulator(SCENARIOS[name])


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Talk, Talk]]:
    """Both at rest, for commands that change nothing."""
    at_rest = Scenario(lambda talk: None)
    with agent_line(at_rest) as agent, simulated_line(at_rest) as simulator:
        agent.start()
        simulator.start()
        yield agent, simulator


@pytest.mark.parametrize(
    "command",
    [*WRONG_FORMS, *WRONG_VALUES, *(command for command, _ in REFUSED), *(command for command, _ in AT_REST)],
)
def test_both_answer_the_same_at_rest(pair: tuple[Talk, Talk], command: str) -> None:
    agent, simulator = pair
    assert agent.ask(command) == simulator.ask(command)
    assert agent.ask("AT+MTERR?") == simulator.ask("AT+MTERR?")
