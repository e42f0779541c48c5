"""The simulated companion agent, byte by byte: framing, forms, errors and their order, flash, bearer, states."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemtls_sierra_wip.simulator import Q2686

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
CONNECT = b"\r\nCONNECT\r\n"


def cme(number: int) -> bytes:
    return b"\r\n+CME ERROR: %d\r\n" % number


def line(text: str) -> bytes:
    return b"\r\n" + text.encode() + b"\r\n"


def crc(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


MADE: list[Q2686] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


class Console:
    """A simulated module on which a person types."""

    def __init__(self, **values: object) -> None:
        self.modem = Q2686(**{"echo": False, **values})
        MADE.append(self.modem)
        self("AT+CMEE=1")

    def wait(self, seconds: float) -> bytes:
        """Virtual time, and what was said in it."""
        self.modem.advance(self.modem.now + seconds)
        self.modem.poll()
        return self.modem.take()

    def __call__(self, text: str, seconds: float = 0.0) -> bytes:
        return self.give(text.encode() + b"\r", seconds)

    def give(self, data: bytes, seconds: float = 0.0) -> bytes:
        self.modem.feed(data)
        return self.wait(seconds)

    def put(self, kind: str, index: int, data: bytes) -> bytes:
        return self(f"AT+MTPUT={kind},{index},{len(data)},{crc(data)}") + self.give(data)

    def up(self) -> Console:
        self.wait(3.0)
        assert self("AT+MTNET=1,internet", 3.0) == OK + line('+MTNET: 2,"192.0.2.78"')
        return self


@pytest.fixture
def console() -> Console:
    return Console()


def test_identity_is_framed_as_on_a_wire() -> None:
    modem = Console(echo=True)
    assert modem("AT+CGMI") == b"AT+CGMI\r\r\n WAVECOM MODEM\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("AT+CGMM", " MULTIBAND  900E  1800"),
        ("ATI3", "R7.44.6.201109260825.Q2686RD 2146176 092611 08:25"),
        ("AT+MTVER?", '+MTVER: 1,"1.0.0","host","1.4"'),
        ("AT+CCLK?", '+CCLK: "98/01/01,00:00:00"'),
        ("AT+MTCLK?", '+MTCLK: "98/01/01,00:00:00"'),
        ("AT+WOPEN?", "+WOPEN: 1"),
        ("AT+WOPEN=2", '+WOPEN: 2,"AT v03.01","AT v02.10"'),
        ("AT+WOPEN=7", "+WOPEN: 7,12"),
        ("AT+WDWL?", "+WDWL: V10c05"),
        ("AT+MTTLS?", "+MTTLS: NONE,,,"),
        ("AT+MTNET?", '+MTNET: 0,""'),
        ("AT+MTOPEN?", "+MTOPEN: 0,,0,0"),
        ("AT+MTSESS?", "+MTSESS: 0"),
        ("AT+MTERR?", '+MTERR: 0,"",0'),
        ("AT+CREG?", "+CREG: 0,2"),
        ("AT+CPIN?", "+CPIN: READY"),
    ],
)
def test_a_fresh_module_answers(console: Console, sent: str, answer: str) -> None:
    assert console(sent) == line(answer) + OK


@pytest.mark.parametrize(
    "sent",
    [
        "AT+MTPUT?", "AT+MTPUT", "AT+MTPUT=CA,1,5", "AT+MTPUT=CA,1,5,00000000,1", "AT+MTLIST", "AT+MTLIST=1",
        "AT+MTVER", "AT+MTVER=?", "AT+MTTLS=1,2,3,4,5", "AT+MTNET=1,a,b,c,d", "AT+MTOPEN=TLS,h", "AT+MTCLOSE?",
        "AT+MTCLOSE=1", "AT+MTSESS", "AT+MTFOO?", "AT+MTRECV=1,2", "AT+WIPBR=?", "AT+WIPCFG?", "AT+CEREG?",
        "AT+CGAUTH=1,1", "AT+CMEE=2",
    ],
)  # fmt: skip
def test_a_form_that_a_command_has_not_got_is_a_bare_error(console: Console, sent: str) -> None:
    assert console(sent) == ERROR


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("AT+MTPUT=ROOT,1,5,00000000", 701),
        ("AT+MTPUT=ca,1,5,00000000", 701),
        ("AT+MTPUT=CA,0,5,00000000", 701),
        ("AT+MTPUT=CA,9,5,00000000", 701),
        ("AT+MTPUT=CA,1,0,00000000", 701),
        ("AT+MTPUT=CA,1,,00000000", 701),
        ("AT+MTPUT=CA,1,5,0000000", 701),
        ("AT+MTPUT=CA,1,5,0000000g", 701),
        ("AT+MTPUT=CA,1,30001,00000000", 708),
        ("AT+MTDEL=CA,1", 703),
        ("AT+MTDEL=CA,x", 701),
        ("AT+MTTLS=", 701),
        ("AT+MTTLS=SOMETIMES,1", 701),
        ("AT+MTTLS=NONE,", 701),
        ("AT+MTTLS=ALWAYS", 717),
        ("AT+MTTLS=ALWAYS,,", 717),
        ("AT+MTTLS=ONCE", 717),
        ("AT+MTTLS=ALWAYS,9", 701),
        ("AT+MTTLS=ALWAYS,1", 703),
        ("AT+MTTLS=NEVER,,1", 718),
        ("AT+MTTLS=NEVER,,,1", 701),
        ("AT+MTNET=2", 701),
        ("AT+MTNET=1", 701),
        ("AT+MTNET=0,a", 701),
        ("AT+MTNET=1,a,0g,00", 701),
        ("AT+MTNET=1,a,00,", 701),
        ("AT+MTNET=1,a,6d65,6", 701),
        ("AT+MTOPEN=UDP,h,1", 701),
        ("AT+MTOPEN=TLS,,1", 701),
        ("AT+MTOPEN=TLS,h h/x,1", 701),
        ("AT+MTOPEN=TLS,h,0", 701),
        ("AT+MTOPEN=TLS,h,65536", 701),
        ("AT+MTOPEN=TLS,h,1,2", 701),
        ("AT+MTOPEN=TLS,h,1", 712),
        ("AT+MTSEND=0,00000000", 701),
        ("AT+MTSEND=4097,00000000", 701),
        ("AT+MTSEND=1,00000000", 715),
        ("AT+MTRECV=4001", 701),
        ("AT+MTRECV=1", 715),
        ("AT+MTSESS=1", 701),
    ],
)
def test_a_value_that_is_not_allowed_has_its_number(console: Console, sent: str, number: int) -> None:
    assert console(sent) == cme(number)
    assert console("AT+MTERR?") == line(f'+MTERR: {number},"",0') + OK
    assert console("AT+CMEE=0") + console(sent) == OK + ERROR
    assert console("AT") == OK


def test_quotes_spaces_and_semicolons_are_taken_out_of_a_line(console: Console) -> None:
    assert console('AT+MTDEL = "CA" ; , "1"') == cme(703)


def test_an_object_is_stored_listed_and_deleted(console: Console) -> None:
    assert console.put("CA", 3, b"hello") == CONNECT + OK
    assert console.put("KEY", 1, bytes(range(256))) == CONNECT + OK
    listing = line(f"+MTLIST: CA,3,5,{crc(b'hello')}") + line(f"+MTLIST: KEY,1,256,{crc(bytes(range(256)))}")
    assert console("AT+MTLIST?") == listing + OK
    assert console("AT+MTDEL=KEY,1") == OK
    assert console("AT+MTLIST?") == line(f"+MTLIST: CA,3,5,{crc(b'hello')}") + OK


def test_the_largest_object_fits(console: Console) -> None:
    data = bytes(i * 7 % 251 for i in range(30_000))
    assert console.put("CERT", 8, data) == CONNECT + OK
    assert console("AT+MTLIST?") == line(f"+MTLIST: CERT,8,30000,{crc(data)}") + OK


def test_data_with_another_crc_are_not_stored_and_the_old_object_stays(console: Console) -> None:
    console.put("CA", 1, b"old")
    assert console(f"AT+MTPUT=CA,1,3,{crc(b'new')}") == CONNECT
    assert console.give(b"nex") == cme(707)
    assert console("AT+MTLIST?") == line(f"+MTLIST: CA,1,3,{crc(b'old')}") + OK


@pytest.mark.parametrize("given", range(5))
def test_an_upload_cut_off_at_any_byte_leaves_the_old_object(console: Console, given: int) -> None:
    console.put("CA", 1, b"old")
    data = b"+++\r\n"
    assert console(f"AT+MTPUT=CA,1,5,{crc(data)}") == CONNECT
    assert console.give(data[:given], 9.9) == b""
    assert console.wait(0.2) == cme(706)
    assert console("AT+MTERR?") == line('+MTERR: 706,"",0') + OK
    assert console("AT+MTLIST?") == line(f"+MTLIST: CA,1,3,{crc(b'old')}") + OK


def test_an_upload_of_a_certificates_size_cut_off_at_each_of_its_bytes(console: Console) -> None:
    data = bytes(range(256)) * 4 + b"+++\r\nAT+MTDEL=CA,1\r" * 9
    console.put("CA", 1, b"old")
    for count in range(len(data)):
        assert console(f"AT+MTPUT=CA,1,{len(data)},{crc(data)}") == CONNECT
        assert console.give(data[:count], 9.9) == b""
        assert console.wait(0.2) == cme(706)
        assert console("AT+MTLIST?") == line(f"+MTLIST: CA,1,3,{crc(b'old')}") + OK
    assert console.put("CA", 1, data) == CONNECT + OK


def test_the_ten_seconds_begin_anew_with_each_byte(console: Console) -> None:
    assert console(f"AT+MTPUT=CA,1,3,{crc(b'abc')}") == CONNECT
    assert console.give(b"a", 9.0) + console.give(b"b", 9.0) + console.give(b"c") == OK


def test_a_reset_in_the_middle_of_an_upload_leaves_the_old_object() -> None:
    console = Console(reboot_at_byte=100)
    console.put("CA", 1, b"old")
    assert console(f"AT+MTPUT=CA,1,200,{crc(bytes(200))}") == CONNECT
    assert console.give(bytes(150)) == b""
    assert console.wait(3.0) == line("+MTREADY")
    assert console("AT+MTLIST?") == line(f"+MTLIST: CA,1,3,{crc(b'old')}") + OK


@given(st.binary(min_size=1, max_size=300), st.integers(1, 20))
def test_any_bytes_in_any_pieces_are_payload(data: bytes, step: int) -> None:
    console = Console()
    assert console(f"AT+MTPUT=CA,1,{len(data)},{crc(data)}") == CONNECT
    answers = [console.give(data[at : at + step]) for at in range(0, len(data), step)]
    assert b"".join(answers) == OK
    assert console.modem.nvm.get("CA", 1) == data


def test_a_full_flash_is_told_and_keeps_what_was_there() -> None:
    console = Console(flash_bytes=1000)
    assert console.put("CA", 1, bytes(600)) == CONNECT + OK
    assert console.put("CA", 1, b"\1" * 600) == CONNECT + cme(704), (
        "the new one needs its room beside the old one"
    )
    assert console("AT+MTERR?") == line('+MTERR: 704,"ADL_FLH_RET_ERR_MEM_FULL",-21') + OK
    assert console("AT+MTLIST?") == line(f"+MTLIST: CA,1,600,{crc(bytes(600))}") + OK
    assert Console(flash_fault=True).put("CA", 1, b"x") == CONNECT + cme(705)


def test_damage_in_flash_shows_and_the_object_cannot_be_named(console: Console) -> None:
    console.put("CA", 1, b"hello")
    console.modem.damage("CA", 1)
    assert console("AT+MTLIST?") == line("+MTLIST: CA,1,5,BAD") + OK
    assert console("AT+MTTLS=ALWAYS,1") == cme(703)
    assert console("AT+MTDEL=CA,1") == OK


def test_the_configuration_is_kept_and_protects_what_it_names(console: Console) -> None:
    for kind, index in (("CA", 2), ("CERT", 5), ("KEY", 6)):
        console.put(kind, index, b"x")
    assert console("AT+MTTLS=ALWAYS,2,5,6") == OK
    console("AT+CFUN=1", 5.0)
    assert console("AT+MTTLS?") == line("+MTTLS: ALWAYS,2,5,6") + OK
    console("AT+CMEE=1")
    assert console("AT+MTDEL=KEY,6") == cme(720)
    assert console("AT+MTTLS=NONE") + console("AT+MTDEL=KEY,6") == OK + OK


def test_stopping_the_application_and_erasing_its_objects(console: Console) -> None:
    console.put("CA", 1, b"x")
    assert console("AT+WOPEN=3") == ERROR, "it runs"
    assert console("AT+WOPEN=0") == OK
    assert console.wait(5.0) == b""
    assert console("AT+MTLIST?") == ERROR
    assert console("AT+WOPEN?") == line("+WOPEN: 0") + OK
    assert console("AT+WOPEN=3") == OK
    assert console("AT+WOPEN=1") + console.wait(5.0) == OK + line("+MTREADY")
    assert console("AT+MTLIST?") == OK


def test_state_file_keeps_objects_and_configuration(tmp_path: Path) -> None:
    state = tmp_path / "modem.json"
    first = Console(state=state)
    first.put("CA", 1, b"x")
    first("AT+MTTLS=ALWAYS,1")
    first.modem.close()
    again = Console(state=state)
    assert again("AT+MTTLS?") == line("+MTTLS: ALWAYS,1,,") + OK
    assert again("AT+MTLIST?") == line(f"+MTLIST: CA,1,1,{crc(b'x')}") + OK


def test_bearer_comes_up_once_and_goes_down(console: Console) -> None:
    console.up()
    assert console("AT+MTNET?") == line('+MTNET: 2,"192.0.2.78"') + OK
    assert console("AT+MTNET=1,other", 0.1) == OK + line('+MTNET: 2,"192.0.2.78"')
    assert console("AT+MTNET=0") == OK
    assert console("AT+MTNET?") == line('+MTNET: 0,""') + OK


def test_a_bearer_that_is_starting_refuses_another_and_can_be_stopped(console: Console) -> None:
    console.wait(3.0)
    assert console("AT+MTNET=1,a") == OK
    assert console("AT+MTNET?") == line('+MTNET: 1,""') + OK
    assert console("AT+MTNET=1,a") == cme(702)
    assert console("AT+MTNET=0", 5.0) == OK, "and no event"


@pytest.mark.parametrize(
    ("settings", "name", "number"),
    [
        ({"sim": "absent"}, "WIP_BERR_NO_SIM", -7027),
        ({"sim": "pin"}, "WIP_BERR_PIN_NOT_READY", -7029),
        ({"registration": "denied"}, "WIP_BERR_GPRS_FAILED", -7031),
        ({"apn_required": "right"}, "WIP_BERR_GPRS_FAILED", -7031),
        ({"bearer_error": "WIP_BERR_PPP_AUTH_FAILED"}, "WIP_BERR_PPP_AUTH_FAILED", -7035),
    ],
)
def test_a_bearer_that_fails_says_why(settings: dict[str, object], name: str, number: int) -> None:
    console = Console(**settings)
    console.wait(3.0)
    assert console("AT+MTNET=1,wrong", 3.0) == OK + line(f'+MTNET: 0,"{name}",{number}')
    assert console("AT+MTERR?") == line(f'+MTERR: 0,"{name}",{number}') + OK


def test_a_lost_bearer_ends_the_connection_first(console: Console) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        console.up()
        said = console(f"AT+MTOPEN=TCP,localhost,{server.getsockname()[1]}")
        while b"+MTOPEN: 1" not in said:
            console.modem.wait(0.05)
            said += console.wait(0.0)
        assert said == OK + line("+MTOPEN: 1")
        lost = line('+MTCLOSED: "WIP_CEV_ERROR",0') + line('+MTNET: 0,"WIP_BERR_PPP_LINK_FAILED",-7039')
        assert sorted((console("AT+CGATT=0") + console.wait(0.1)).split(b"\r\n")) == sorted(
            (OK + lost).split(b"\r\n")
        )
    assert console("AT+MTOPEN?") == line("+MTOPEN: 3,TCP,0,0") + OK
    assert console("AT+MTNET?") == line('+MTNET: 0,""') + OK


def test_a_line_that_comes_while_the_module_is_busy_is_refused_with_515() -> None:
    console = Console(latency=1.0)
    console.wait(5.0)
    console.modem.feed(b"AT+CREG?\rAT+CPIN?\r")
    said = console.wait(2.0)
    assert said == cme(515) + line("+CREG: 0,1") + OK


def test_a_module_that_starts_refuses_all_but_at() -> None:
    console = Console(init_time=2.0)
    assert console("AT") == OK
    assert console("AT+CREG?") == ERROR, "CMEE was refused, too"
    console.wait(2.0)
    assert console("AT+CPIN?") == line("+CPIN: READY") + OK


def test_the_boot_loader_knows_two_commands() -> None:
    console = Console(boot_loader=True)
    assert console("AT") == OK
    assert console("AT+WDWL?") == line("+WDWL: V10c05") + OK
    for sent in ("AT+CGMI", "ATE0", "AT+CMEE?", "AT+MTVER?", "ATI3"):
        assert console(sent) == ERROR


@pytest.mark.parametrize(
    "sent", ['"98/13/01,00:00:00"', '"26/01/01,00:00:00+00"', "26/01/01", '"26/02/30,00:00:00"']
)
def test_a_clock_in_another_form_is_refused(console: Console, sent: str) -> None:
    assert console(f"AT+CCLK={sent}") == cme(3)


def test_the_clock_goes_from_1998_to_2097(console: Console) -> None:
    for text in ("98/01/01,00:00:00", "97/12/31,23:59:58"):
        assert console(f'AT+CCLK="{text}"') == OK
        assert console("AT+CCLK?") == line(f'+CCLK: "{text}"') + OK


def test_indications_are_said_as_the_mask_has_it() -> None:
    console = Console(wind=12)
    assert console("AT+WIND?") == line("+WIND: 12") + OK
    said = console("AT+CFUN=1") + console.wait(3.0)
    assert said == OK + line("+WIND: 3") + line("+WIND: 4") + line("+MTREADY")


def test_null_instead_of_a_channel_has_its_own_error() -> None:
    console = Console(licensed=False).up()
    assert console("AT+MTOPEN=TCP,localhost,9") == cme(711)


def test_tls_needs_plug_in_configuration_and_objects() -> None:
    console = Console(plug_in="").up()
    assert console("AT+MTVER?") == line('+MTVER: 1,"1.0.0","host",""') + OK
    assert console("AT+MTOPEN=TLS,localhost,9") == cme(710)
    console = Console().up()
    assert console("AT+MTOPEN=TLS,localhost,9") == cme(717)
    console.put("CA", 1, b"x")
    console("AT+MTTLS=ALWAYS,1")
    console.modem.damage("CA", 1)
    assert console("AT+MTOPEN=TLS,localhost,9") == cme(703)
