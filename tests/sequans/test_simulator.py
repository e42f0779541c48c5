"""The simulated Monarch modems: framing of the published transcripts, and behaviour against real servers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls.errors import PortError, Reason, Unsupported
from modemtls.policy import TlsVersion
from modemtls.sim import PtyServer, SimPort, describe, open_sim, simulator_type
from modemtls.sim.server import HttpsServer, pattern
from modemtls_sequans.simulator import Gm01q, Gm02s, Gm02sp, MonarchSettings

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
CME4 = b"\r\n+CME ERROR: 4\r\n"


class Line:
    """A host that sends bytes and waits for bytes."""

    def __init__(self, simulator: Gm02s | Gm01q | Gm02sp) -> None:
        self.modem = simulator
        self.port = SimPort(simulator)

    def __call__(self, sent: str | bytes, until: bytes = b"", timeout: float = 200) -> bytes:
        """Send, and read until ``until`` has come and the modem is quiet; without it until it is quiet."""
        self.port.write(sent.encode() + b"\r" if isinstance(sent, str) else sent, 1)
        found = b""
        deadline = self.port.now() + timeout
        while until not in found and self.port.now() < deadline:
            found += self.port.read(0.5)
        assert until in found, found
        return found + self._rest()

    def _rest(self) -> bytes:
        return b"".join(iter(lambda: self.port.read(0), b""))

    def store(self, kind: str, slot: int, data: bytes) -> bytes:
        assert self(f'AT+SQNSNVW="{kind}",{slot},{len(data)}') == b"\r\n> "
        return self(data)

    def online(self) -> Line:
        self("AT+CMEE=1")
        self("AT+CFUN=1", b"+CEREG: 1")
        return self

    def http(self, port: int = 443, host: str = "server.test", profile: int = 1) -> None:
        self(f'AT+SQNHTTPCFG=1,"{host}",{port},0,"","",1,120,1,{profile}', OK)

    def dial(self, host: str = "server.test", port: int = 443) -> bytes:
        """Dial over TLS by profile 1 and give the final result."""
        self("AT+SQNSSCFG=1,1,1", OK)
        return self(f'AT+SQNSD=1,0,{port},"{host}",0,0,1', b"\r\n")


@pytest.fixture(scope="module")
def server() -> Iterator[HttpsServer]:
    with HttpsServer() as server:
        yield server


@pytest.fixture
def line(server: HttpsServer) -> Iterator[Line]:
    line = Line(Gm02s(map=f"server.test:443=127.0.0.1:{server.port}", patience=5))
    line.online()
    assert line.store("certificate", 19, server.ca_pem) == OK
    line('AT+SQNSPCFG=1,3,"",5,19', OK)
    yield line
    line.port.close()


def offline(**values: object) -> Line:
    line = Line(Gm02s(**values))
    line("AT+CMEE=1")
    return line


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


# the published transcripts, byte by byte


def test_profile_echo_with_an_empty_key_slot() -> None:
    assert (
        offline()('AT+SQNSPCFG=1,2,"",1,6,5,,"","",0,0,0')
        == b'\r\n+SQNSPCFG: 1,2,"",1,6,5,,"","",0,0,0\r\n\r\nOK\r\n'
    )


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("AT+CMEE=1", b"\r\nOK\r\n"),
        ("AT+CEREG=1", b"\r\nOK\r\n"),
        ("AT", b"\r\nOK\r\n"),
        ("AT+CFUN?", b"\r\n+CFUN: 0\r\n\r\nOK\r\n"),
    ],
)
def test_boot_dialogue(sent: str, answered: bytes) -> None:
    line = Line(Gm02sp(boot_line=True))
    assert line("") == b"\r\n+SYSSTART\r\n"
    assert line(sent) == answered


def test_verbose_error() -> None:
    line = Line(Gm02s())
    line("AT+CMEE=2")
    assert line("AT+SQNGNSS=?") == b"\r\n+CME ERROR: operation not supported\r\n"


def test_ring_after_ok_and_body_behind_three_signs(line: Line) -> None:
    line.http()
    assert line('AT+SQNHTTPSND=1,0,"/status/405",8', b"> ") == b"\r\n> "
    answer = line(b"H'\xe2\x90(H\x00\x06", b"RING")
    assert re.fullmatch(rb'\r\nOK\r\n\r\n\+SQNHTTPRING: 1,405,"[^"]*",\d+\r\n', answer)
    size = int(answer.rstrip().rpartition(b",")[2])
    body = line("AT+SQNHTTPRCV=1")
    assert body.startswith(b"\r\n<<<")
    assert body.endswith(OK)
    assert len(body) == 5 + size + 6


def test_the_factory_certificate_is_listed_as_seen() -> None:
    listed = offline()('AT+SQNSNVR="certificate"').decode()
    assert re.fullmatch(
        r'\r\n\+SQNSNVR: "certificate",0,"(/\w+=[^/"]+)+","000---000","(/\w+=[^/"]+)+",'
        r'"21/04/27 08:00:00",,"sha256ECDSA","000---000","sha1","[0-9a-f]{40}"\r\n\r\nOK\r\n',
        listed,
    )


def test_the_seed_fails_with_77_and_level_1_cures_it(server: HttpsServer) -> None:
    line = Line(Gm02s(map=f"api.test:443=127.0.0.1:{server.port}", boot_line=True))
    assert line("") == b"\r\n+SYSSTART\r\n"
    assert line('AT+SQNSNVW="certificate",19,0') == ERROR  # nothing to delete, and AT+CMEE=0
    assert line.store("certificate", 19, server.ca_pem) == OK
    assert line("AT+CFUN=1", b"+CEREG: 1") == (
        OK + b"\r\n+CEREG: 2\r\n" + b'\r\n+CEREG: 1,"E198","043A5E0A",7\r\n'
    )
    assert line('AT+SQNSPCFG=1,2,"",7,19') == b'\r\n+SQNSPCFG: 1,2,"",7,19,,,"","",0,0,0\r\n' + OK
    assert line('AT+SQNHTTPCFG=1,"api.test/sms.do",443,0,"","",1,120,1,1') == OK
    failed = OK + b"\r\n+SQNHTTPCONNECT: 1,77\r\n\r\n+SQNHTTPSH: 1,77\r\n"
    assert line("AT+SQNHTTPCONNECT=1", b"SH") == failed
    assert line('AT+SQNSPCFG=1,2,"",1,19').endswith(OK)
    assert line("AT+SQNHTTPCONNECT=1", b"NNECT: ") == OK + b"\r\n+SQNHTTPCONNECT: 1,0\r\n"
    line.port.close()


def test_command_repeated_into_an_open_prompt_is_payload(server: HttpsServer) -> None:
    line = offline()
    command = 'AT+SQNSNVW="certificate",19,32'
    assert line(command) == b"\r\n> "
    # 30 characters and CR make 31: one byte of the next command is payload, too, and the rest is bogus
    assert line(command + "\rAT") == CME4 + CME4
    assert line("AT") == OK


def test_line_feed_behind_a_data_command_is_payload(server: HttpsServer) -> None:
    line = offline()
    pem = server.ca_pem.rstrip()  # so that the byte left over is "-" and not a line end
    assert line(f'AT+SQNSNVW="certificate",19,{len(pem)}\r\n'.encode()) == b"\r\n> "
    assert line(pem) == CME4  # its last dash is missing
    assert line("AT") == CME4  # "-AT"
    assert line("AT") == OK


def test_line_feed_alone_ends_a_command() -> None:
    assert Line(Gm02s())(b"AT\nAT+CFUN?\n") == OK + b"\r\n+CFUN: 0\r\n" + OK


SCRIPT = (
    b'AT+CMEE=1\rat+sqnspcfg=1,2,"",7,19\rAT+SQNSPCFG\rAT+SQNSNVW="certificate",19,4\rAT\r\nAT+NONSENSE\r'
    b'AT+SQNSNVR="certificate",0\rAT+SQNSS\rAT+CCLK?\rbogus\rAT+SQNHTTPCFG=1,"h"\rAT+SQNHTTPCFG?\r'
)


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(SCRIPT)), max_size=12), st.sampled_from([Gm02s, Gm02sp, Gm01q]))
def test_any_cut_of_the_input_gives_the_same_output(
    cuts: list[int], model: type[Gm02s] | type[Gm02sp] | type[Gm01q]
) -> None:
    whole, pieces = model(), model()
    whole.feed(SCRIPT)
    edges = [0, *sorted(cuts), len(SCRIPT)]
    for start, end in pairwise(edges):
        pieces.feed(SCRIPT[start:end])
    assert pieces.output == whole.output
    assert whole.output.count(b"+CME ERROR: 4") == 3


@settings(max_examples=100)
@given(st.text(alphabet='0123456789",;xAF ', max_size=40), st.sampled_from(
    ["AT+SQNSPCFG=", "AT+SQNSNVW=", "AT+SQNSNVR=", "AT+SQNHTTPCFG=", "AT+SQNSD=", "AT+SQNSCFGEXT=",
     "AT+SQNHTTPQRY=", "AT+SQNHTTPSND=", "AT+SQNSCFG=", "AT+SQNSSENDEXT=", "AT+CGDCONT="]))  # fmt: skip
def test_no_parameters_break_it(text: str, command: str) -> None:
    modem = Gm02s()
    modem.feed(f"{command}{text}\r".encode())
    answer = modem.take()
    assert answer.endswith((OK, ERROR, b"\r\n> ", b"\r\nNO CARRIER\r\n")), answer


# the store


def test_object_is_kept_byte_by_byte(server: HttpsServer) -> None:
    line = offline()
    for data in (
        server.ca_pem,
        b"\n" + server.ca_pem,
        server.ca_pem.replace(b"\n", b"\r\n"),
        server.ca_pem.rstrip(),
        server.ca_pem * 3,
    ):
        assert line.store("certificate", 19, data) == OK
        assert line.modem.nvm.get("certificate", 19) == data


def test_listing_shows_the_digest_of_the_der_form(server: HttpsServer) -> None:
    certificate = x509.load_pem_x509_certificate(server.ca_pem)
    digest = certificate.fingerprint(hashes.SHA1()).hex()
    for setting, shown in (("sha1", True), ("wrong", False), ("none", False)):
        line = offline(listing_fingerprint=setting)
        line.store("certificate", 12, server.ca_pem)
        assert (digest in line('AT+SQNSNVR="certificate",12').decode()) == shown
    line = offline(listing_bundle="each")
    line.store("certificate", 12, server.ca_pem * 2)
    assert line('AT+SQNSNVR="certificate",12').count(digest.encode()) == 2


def test_key_and_certificate_have_slots_of_their_own(ca: trustme.CA, server: HttpsServer) -> None:
    line = offline()
    key = ca.issue_cert("x.test").private_key_pem.bytes()
    assert line.store("privatekey", 17, key) == OK
    assert line('AT+SQNSNVR="certificate",17') == CME4
    assert line.store("certificate", 17, server.ca_pem) == OK
    assert line('AT+SQNSNVW="privatekey",17,0') == OK
    assert line('AT+SQNSNVW="privatekey",17,0') == CME4
    assert line('AT+SQNSNVR="certificate",17').endswith(OK)


@pytest.mark.parametrize("key_listing", ["error", "index"])
def test_key_listing_is_a_setting(ca: trustme.CA, key_listing: str) -> None:
    line = offline(key_listing=key_listing)
    line.store("privatekey", 17, ca.issue_cert("x.test").private_key_pem.bytes())
    expected = CME4 if key_listing == "error" else b'\r\n+SQNSNVR: "privatekey",17\r\n' + OK
    assert line('AT+SQNSNVR="privatekey"') == expected


def test_what_is_no_object_is_refused_and_the_old_one_stays(ca: trustme.CA, server: HttpsServer) -> None:
    line = offline()
    line.store("certificate", 19, server.ca_pem)
    der = x509.load_pem_x509_certificate(server.ca_pem).public_bytes(serialization.Encoding.DER)
    key = ca.issue_cert("x.test").private_key_pem.bytes()
    broken = server.ca_pem.replace(b"MII", b"MMM", 1)
    for data in (der, key, broken, server.ca_pem[:-3], b"hello", server.ca_pem + server.ca_pem[:100]):
        assert line.store("certificate", 19, data) == CME4
        assert line.modem.nvm.get("certificate", 19) == server.ca_pem
    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    for data in (encrypted, server.ca_pem, key + key):
        assert line.store("privatekey", 19, data) == CME4


def test_strict_line_ends_refuse_carriage_returns(server: HttpsServer) -> None:
    line = offline(strict_line_ends=True)
    assert line.store("certificate", 19, server.ca_pem.replace(b"\n", b"\r\n")) == CME4
    assert line.store("certificate", 19, server.ca_pem) == OK


@pytest.mark.parametrize(
    "command",
    [
        '"certificate",20,100', '"certificate",-1,100', '"certificate",19,8193', '"privatekey",19,2049',
        '"strid",19,100', 'certificate,19,100', '"certificate",19', '"certificate",19,100,1',
        '"certificate",3,100', '"certificate",10,0', '"privatekey",0,100', '"certificate",12,0',
    ],
)  # fmt: skip
def test_bad_writes_are_refused_without_a_prompt(command: str) -> None:
    assert offline()(f"AT+SQNSNVW={command}") == CME4


@pytest.mark.parametrize(
    ("model", "values", "refused"),
    [
        (Gm02s, {}, True),
        (Gm02sp, {}, True),
        (Gm01q, {}, False),
        (Gm02s, {"firmware": "LR8.0.5.13-59577"}, False),
        (Gm02s, {"firmware": "LR8.2.0.3-60186"}, True),
        (Gm01q, {"reserved": "all"}, True),
        (Gm02s, {"reserved": "none"}, False),
    ],
)
def test_reserved_slots_depend_on_the_firmware(
    model: type[Gm02s], values: dict[str, str], refused: bool
) -> None:
    modem = model(**values)
    modem.feed(b'ATE0\rAT+SQNSNVW="certificate",8,9\r')
    assert modem.output.endswith(ERROR if refused else b"\r\n> ")


def test_keys_may_be_let_into_reserved_slots() -> None:
    line = offline(reserved="certificates")
    assert line('AT+SQNSNVW="certificate",0,9') == CME4
    assert line('AT+SQNSNVW="privatekey",0,9') == b"\r\n> "


def test_full_flash_is_an_error_without_a_number(server: HttpsServer) -> None:
    line = offline(factory_certificate=False, reserved="none", max_certificate_bytes=20_000)
    data = server.ca_pem * (19_000 // len(server.ca_pem))
    answers = []
    for slot in range(20):
        answer = line(f'AT+SQNSNVW="certificate",{slot},{len(data)}')
        if answer == b"\r\n> ":
            answer = line(data)
        answers.append(answer)
    assert answers.count(OK) == 200_000 // len(data)
    assert set(answers) == {OK, ERROR}


# profiles


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("1,2", '1,2,"",0,,,,"","",0,0,0'),
        ('6,3,"0xC02B;0x1301",5,12,13,13', '6,3,"0xC02B;0x1301",5,12,13,13,"","",0,0,0'),
        ('2,2,"",0,,19,19', '2,2,"",0,,19,19,"","",0,0,0'),
        ("3,,,5,2", '3,2,"",5,2,,,"","",0,0,0'),
        ('2,2,"",0,,,,"","",0,1,0', '2,2,"",0,,,,"","",0,1,0'),
        ('1,2,"",255,19,0,0,"AABB","id",1,1,60', '1,2,"",255,19,0,0,"AABB","id",1,1,60'),
        ('1,2,"",4', '1,2,"",4,,,,"","",0,0,0'),
    ],
)
def test_profiles_are_echoed_in_full_and_accept_nonsense(sent: str, shown: str) -> None:
    assert offline()(f"AT+SQNSPCFG={sent}") == f"\r\n+SQNSPCFG: {shown}\r\n\r\nOK\r\n".encode()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ('1,2,"server.test"', b"\r\n+CME ERROR: 50\r\n"),
        ('1,2,"",0,,,,"XYZ"', b"\r\n+CME ERROR: 50\r\n"),
        ("0,2", CME4),
        ("7,2", CME4),
        ("1", CME4),
        ("1,4", CME4),
        ('1,2,"",256', CME4),
        ('1,2,"",1,20', CME4),
        ('1,2,"",1,1,1,1,"","",0,0,0,0', CME4),
        ('1,2,"', CME4),
    ],
)
def test_profile_of_the_wrong_form_is_refused(sent: str, answer: bytes) -> None:
    line = offline()
    assert line(f"AT+SQNSPCFG={sent}") == answer
    assert line("AT+SQNSPCFG") == OK


def test_profiles_are_listed_and_reset() -> None:
    line = offline()
    line("AT+SQNSPCFG=5,2")
    line("AT+SQNSPCFG=2,3")
    assert line("AT+SQNSPCFG") == (
        b'\r\n+SQNSPCFG: 2,3,"",0,,,,"","",0,0,0\r\n+SQNSPCFG: 5,2,"",0,,,,"","",0,0,0\r\n\r\nOK\r\n'
    )
    assert line("AT+SQNSPCFG=2,255") == OK
    assert line("AT+SQNSPCFG").count(b"+SQNSPCFG") == 1


def test_old_firmware_may_refuse_a_quoted_empty_cipher_field() -> None:
    line = Line(Gm01q(quoted_empty_cipher=False, profile_fields=10))
    line("ATE0")
    assert line('AT+SQNSPCFG=1,2,"",1,19') == ERROR
    assert line("AT+SQNSPCFG=1,2,,1,19,0,0").endswith(OK)
    assert line('AT+SQNSPCFG=1,2,,1,19,0,0,"","",0,0') == ERROR


def test_store_profiles_and_clock_last_and_line_settings_do_not(tmp_path: Path, server: HttpsServer) -> None:
    file = tmp_path / "modem"
    line = offline(state=file)
    line.store("certificate", 19, server.ca_pem)
    for command in ("AT+SQNSPCFG=1,3", 'AT+SQNHTTPCFG=2,"server.test"', "AT+CEREG=1",
                    'AT+CCLK="30/01/01,00:00:00+00"'):  # fmt: skip
        line(command)
    before = [line(command) for command in ("AT+SQNSPCFG", "AT+SQNHTTPCFG?", 'AT+SQNSNVR="certificate"')]
    assert line("AT^RESET", b"+SYSSTART") == OK + b"\r\n+SYSSTART\r\n"
    assert line("AT+NONSENSE") == ERROR
    assert line("AT+CEREG?") == b"\r\n+CEREG: 2,0\r\n\r\nOK\r\n"
    line("AT+CMEE=1")
    line.port.close()
    again = offline(state=file)
    for modem in (line, again):
        if modem is again:
            assert before == [
                modem(command) for command in ("AT+SQNSPCFG", "AT+SQNHTTPCFG?", 'AT+SQNSNVR="certificate"')
            ]
            assert modem("AT+CCLK?").startswith(b'\r\n+CCLK: "30/01/01')
    with pytest.raises(ValueError, match="another modem"):
        Gm01q(state=file)


def test_unset_clock_is_in_1970() -> None:
    assert Gm02s().clock.read() == datetime(1970, 1, 1, 0, 7, 30, tzinfo=UTC)
    assert offline()("AT+CCLK?").startswith(b'\r\n+CCLK: "70/01/01,00:07:30+00"')


# the address


def test_address_with_settings_opens_a_model(tmp_path: Path) -> None:
    url = f"sim://sequans-gm02s?clock=1970-01-01T00:07:30Z&state={tmp_path / 'modem'}&firmware=LR8.0.5.11"
    port = open_sim(url)
    port.write(b"AT+CCLK?;I1\r", 1)
    assert port.read(1) == (b'\r\n+CCLK: "70/01/01,00:07:30+00"\r\nUE8.0.5.11\r\nLR8.0.5.11\r\n\r\nOK\r\n')
    port.close()
    assert (tmp_path / "modem").exists()
    assert isinstance(open_sim("sim://sequans-gm01q").simulator, Gm01q)
    assert simulator_type("sequans-gm02sp") is Gm02sp


@pytest.mark.parametrize(
    "query", ["nonsense=1", "echo=maybe", "echo=yes&echo=no", "echo", "map=x", "state=/"]
)
def test_address_with_wrong_settings_is_told(query: str) -> None:
    with pytest.raises(PortError) as caught:
        open_sim(f"sim://sequans-gm02s?{query}")
    assert caught.value.reasons == {Reason.INVALID_PARAMETER}


def test_address_of_an_unknown_model() -> None:
    with pytest.raises(Unsupported):
        open_sim("sim://acme-x1")


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenSSL", None)
    with pytest.raises(Unsupported, match=r"modemtls\[sim\]"):
        open_sim("sim://sequans-gm02s")


def test_the_kit_loads_no_tls_before_it_is_used() -> None:
    heavy = "{'OpenSSL', 'cryptography', 'h11', 'service_identity', 'serial'}"
    program = f"import sys, modemtls_sequans.simulator; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# identity and the radio


@pytest.mark.parametrize(
    ("model", "product", "versions"),
    [
        (Gm02s, "GM02S", ["UE8.2.0.2", "LR8.2.0.2-59200"]),
        (Gm02sp, "GM02SP", ["UE8.2.1.0", "LR8.2.1.0-61488"]),
        (Gm01q, "GM01Q", ["UE5.0.0.0d", "LR5.4.1.0-50495"]),
    ],
)
def test_identity(model: type[Gm02s], product: str, versions: list[str]) -> None:
    line = Line(model(echo=False))
    assert line("AT+CGMM") == f"\r\n{product}\r\n\r\nOK\r\n".encode()
    assert line("AT+CGMR") == f"\r\n{versions[0]}\r\n\r\nOK\r\n".encode()
    assert line("ATI1") == f"\r\n{versions[0]}\r\n{versions[1]}\r\n\r\nOK\r\n".encode()
    assert re.fullmatch(rb"\r\n\d{15}\r\n\r\nOK\r\n", line("AT+CGSN"))


def test_echo_is_on_in_the_old_model_only() -> None:
    assert Line(Gm01q())("AT") == b"AT\r" + OK
    assert Line(Gm02s())("AT") == OK


def test_wrong_firmware_is_refused() -> None:
    with pytest.raises(ValueError, match=r"LR8\.2\.0\.2-59200"):
        Gm02s(firmware="latest")


def test_pin_cannot_be_asked_with_the_radio_off() -> None:
    line = offline()
    assert line("AT+CPIN?") == ERROR
    line("AT+CFUN=4")
    assert line("AT+CPIN?") == b"\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_dual_mode_command_depends_on_firmware_and_radio() -> None:
    line = offline()
    assert line("AT+SQNMODEACTIVE?") == b"\r\n+SQNMODEACTIVE: 1\r\n\r\nOK\r\n"
    line("AT+CFUN=1", b"+CEREG: 1")
    assert line("AT+SQNMODEACTIVE=2") == b"\r\n+CME ERROR: 591\r\n"
    assert offline(firmware="LR8.0.5.11")("AT+SQNMODEACTIVE=2") == b"\r\n+CME ERROR: 589\r\n"


def test_shut_down_is_final() -> None:
    line = offline()
    assert line("AT+SQNSSHDN", b"SHDN") == OK + b"\r\n+SQNSSHDN\r\n"
    line.port.sleep(10)
    assert line("AT") == b""


def test_factory_reset_erases_what_the_user_stored(server: HttpsServer) -> None:
    line = offline()
    line.store("certificate", 19, server.ca_pem)
    line("AT+SQNSPCFG=1,2")
    line("AT+SQNSFACTORYRESET", b"+SYSSTART")
    assert line("AT+SQNSPCFG") == OK
    assert line('AT+SQNSNVR="certificate"').count(b"+SQNSNVR") == 1


def test_time_server_sets_the_clock() -> None:
    line = offline(network_time=False)
    assert line('AT+SQNNTP=2,"time.test",1', b"+SQNNTP: ").endswith(b"\r\n+SQNNTP: 1\r\n")
    line.online()
    assert b'"70/01/01' in line("AT+CCLK?")
    assert b"+SQNNTP: 0," in line('AT+SQNNTP=2,"time.test",1', b"+SQNNTP: ")
    assert abs(line.modem.clock.read() - datetime.now(UTC)) < timedelta(minutes=5)


def test_nothing_goes_out_while_the_radio_is_off(server: HttpsServer) -> None:
    line = offline(map=f"server.test:443=127.0.0.1:{server.port}")
    line('AT+SQNHTTPCFG=1,"server.test",443')
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1') == b"\r\nNO CARRIER\r\n"
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1,0,1', b"SD: ") == OK + b"\r\n+SQNSD: 1,-1\r\n"
    assert line("AT+SQNHTTPCONNECT=1", b"SH").endswith(b"\r\n+SQNHTTPSH: 1,6\r\n")
    assert line('AT+SQNDNSLKUP="server.test"') == CME4


def test_name_lookup(line: Line) -> None:
    assert line('AT+SQNDNSLKUP="server.test"') == b'\r\n+SQNDNSLKUP: "server.test","127.0.0.1"\r\n' + OK
    assert line('AT+SQNDNSLKUP="nothing.invalid"') == CME4


# sockets


def receive(line: Line, count: int) -> bytes:
    """Read a socket's bytes until there are ``count`` or its end."""
    found = b""
    for _ in range(10_000):
        answer = line("AT+SQNSRECV=1,1500", b"\r\n")
        match = re.match(rb"\r\n\+SQNSRECV: 1,(\d+)\r\n", answer)
        if match is None:
            break
        found += answer[match.end() : match.end() + int(match[1])]
        if len(found) >= count:
            break
        if not int(match[1]):
            line.port.read(1)
    return found


def send(line: Line, data: bytes) -> bytes:
    assert line(f"AT+SQNSSENDEXT=1,{len(data)}", b"> ") == b"\r\n> "
    return line(data, b"\r\n")


REQUEST = b"GET /bytes/3000 HTTP/1.1\r\nHost: server.test\r\nConnection: close\r\n\r\n"


def test_secure_socket_carries_a_request(line: Line) -> None:
    line("AT+SQNSCFGEXT=1,1,0,0,0")
    assert line.dial() == OK
    assert line("AT+SQNSS").startswith(b'\r\n+SQNSS: 1,2,"192.0.2.78",')
    answer = send(line, REQUEST)
    assert answer.startswith(OK)
    found = answer.removeprefix(OK) + b"".join(iter(lambda: line.port.read(2), b""))
    assert re.match(rb"\r\n\+SQNSRING: 1,\d+\r\n", found)
    assert b"+SQNSH" not in found  # not before everything is read
    assert b"+SQNSS: 1,3" in line("AT+SQNSS")
    body = receive(line, 10_000)
    assert body.endswith(pattern(3000))
    assert line("AT+SQNSRECV=1,1500") == CME4
    assert line("AT+SQNSI=1") == f"\r\n+SQNSI: 1,{len(REQUEST)},{len(body)},0,0\r\n\r\nOK\r\n".encode()
    assert b"+SQNSS: 1,0\r\n" in line("AT+SQNSS")


def test_server_end_is_told_once_the_host_has_read(line: Line) -> None:
    line.dial()
    send(line, REQUEST)
    line.port.sleep(3)
    said = b""
    while b"+SQNSH" not in said:
        said += line("AT+SQNSRECV=1,1500", OK)
    assert said.endswith(OK + b"\r\n+SQNSH: 1\r\n")
    assert said.count(b"+SQNSH") == 1


def test_empty_read_has_no_data_part(line: Line) -> None:
    line.dial()
    assert line("AT+SQNSRECV=1,1500") == b"\r\n+SQNSRECV: 1,0\r\n\r\nOK\r\n"
    assert line("AT+SQNSRECV=1,1501") == CME4
    assert line("AT+SQNSH=1") == OK


def test_hexadecimal_data_both_ways(line: Line) -> None:
    line("AT+SQNSCFGEXT=1,0,1,0,0,1")
    line.dial()
    assert line(f"AT+SQNSSENDEXT=1,{len(REQUEST)}", b"> ") == b"\r\n> "
    assert line(REQUEST.hex().encode(), b"SRING") == OK + b"\r\n+SQNSRING: 1\r\n"
    answer = line("AT+SQNSRECV=1,15")
    assert answer == b"\r\n+SQNSRECV: 1,15\r\n" + b"HTTP/1.1 200 OK".hex().upper().encode() + OK


def test_data_in_the_announcement(line: Line) -> None:
    line("AT+SQNSCFGEXT=1,2,0,0,0")
    line.dial()
    said = send(line, REQUEST).removeprefix(OK)
    while b"+SQNSH: 1\r\n" not in said:
        piece = line.port.read(5)
        assert piece, said[-100:]
        said += piece
    assert said.startswith(b"\r\n+SQNSRING: 1,")


def test_dial_in_the_background_gives_codes(line: Line) -> None:
    line("AT+SQNSSCFG=1,1,1")
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1,0,1', b"SD: ") == OK + b"\r\n+SQNSD: 1,0\r\n"
    line("AT+SQNSH=1")
    refused = line('AT+SQNSD=1,0,1,"localhost",0,0,1,0,1', b"SD: ")
    assert refused == OK + b"\r\n+SQNSD: 1,-3\r\n"
    assert line('AT+SQNSD=1,0,443,"no.invalid",0,0,1,0,1', b"SD: ").endswith(b"1,-1\r\n")
    line('AT+SQNSPCFG=1,3,"",7,19')
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1,0,1', b"SD: ").endswith(b"1,-5\r\n")


def test_firmware_without_background_dial() -> None:
    line = offline(async_dial=False)
    line.online()
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1,0,1') == CME4


def test_security_cannot_change_under_an_open_socket(line: Line) -> None:
    line.dial()
    assert line("AT+SQNSSCFG=1,0,1") == CME4
    assert line('AT+SQNSD=1,0,443,"server.test",0,0,1') == CME4
    line("AT+CFUN=0", b"+SQNSH: 1")
    assert line("AT+SQNSSCFG=1,0,1") == OK


def test_dial_ends_at_its_time_limit() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Gm02s(patience=0.02))
        line.online()
        line("AT+SQNSPCFG=1,2")
        line("AT+SQNSSCFG=1,1,1")
        line("AT+SQNSCFG=1,1,300,90,100,50")
        before = line.port.now()
        assert line(f'AT+SQNSD=1,0,{listener.getsockname()[1]},"server.test",0,0,1', b"RIER") == (
            b"\r\nNO CARRIER\r\n"
        )
        assert 10 <= line.port.now() - before < 11
        line.port.close()


def test_hanging_up_ends_a_dial_in_the_background(line: Line) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line("AT+SQNSSCFG=1,1,1")
        line("AT+SQNSCFG=1,1,300,90,100,50")
        silent = f'AT+SQNSD=1,0,{listener.getsockname()[1]},"server.test",0,0,1,0,1'
        assert line(silent, OK) == OK
        assert b"+SQNSS: 1,6\r\n" in line("AT+SQNSS")
        assert line("AT+SQNSH=1", OK) == OK
        assert line.dial() == OK
        line.modem.advance(line.port.now() + 20)  # past the limit of the first dial
        assert line.port.read(0) == b""
        assert b"+SQNSS: 1,2," in line("AT+SQNSS")


def test_disconnecting_ends_a_connection_in_the_making(line: Line) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line.http(port=listener.getsockname()[1], host="localhost")
        assert line("AT+SQNHTTPCONNECT=1", OK) == OK
        assert line('AT+SQNHTTPQRY=1,0,"/"', b"\r\n") == CME4
        assert line("AT+SQNHTTPDISCONNECT=1", b"DISCONNECT: 1\r\n").startswith(OK)
        line.http()
        assert get(line, "/bytes/3")[0] == 200
        line.modem.advance(line.port.now() + 500)
        assert line.port.read(0) == b""


def test_idle_socket_is_closed_by_the_modem(line: Line) -> None:
    line("AT+SQNSCFG=1,1,300,30,600,50")
    line.dial()
    line.modem.advance(line.port.now() + 29)
    assert line.port.read(0) == b""
    line.modem.advance(line.port.now() + 2)
    assert line.port.read(0) == b"\r\n+SQNSH: 1\r\n"


def test_plain_socket_and_text_up_to_control_z() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Gm02s(patience=5))
        line.online()
        assert line(f'AT+SQNSD=1,0,{listener.getsockname()[1]},"server.test",0,0,1', b"\r\n") == OK
        peer, _ = listener.accept()
        with peer:
            assert line("AT+SQNSSEND=1") == b"\r\n> "
            assert line(b"one\r\ntwo\x1a") == OK
            assert peer.recv(100) == b"one\r\ntwo"
            peer.sendall(b"\r\nOK\r\n")
            line.port.sleep(0.2)
            assert line("AT+SQNSRECV=1,1500").endswith(b"\r\n+SQNSRECV: 1,6\r\n\r\nOK\r\n" + OK)
            line("AT+CGACT=0,1", b"+SQNSH: 1")
            assert peer.recv(100) == b""
        line.port.close()


def test_server_that_reads_nothing_makes_the_host_wait_and_then_fail() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line = Line(Gm02s(patience=0.02))
        line.online()
        line(f'AT+SQNSD=1,0,{listener.getsockname()[1]},"server.test",0,0,1', b"\r\n")
        peer, _ = listener.accept()
        with peer:
            before = line.port.now()
            for _ in range(10_000):
                result = send(line, bytes(1500))
                if result != OK:
                    break
            assert result == CME4
            assert 5 <= line.port.now() - before < 60
        line.port.close()


def test_what_was_not_read_is_lost_where_the_end_is_told_at_once(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19', close_after_read=False)
    line.dial()
    said = send(line, REQUEST)
    line.port.sleep(3)
    said += line("AT+SQNSRECV=1,1500")
    assert b"\r\n+SQNSH: 1\r\n" in said
    assert said.endswith(CME4)
    line.port.close()


# what TLS refuses, by a real handshake


def with_server(server: HttpsServer, profile: str, **values: object) -> Line:
    line = Line(Gm02s(map=f"server.test:443=127.0.0.1:{server.port}", patience=5, **values))
    line.online()
    line.store("certificate", 19, server.ca_pem)
    assert line(f"AT+SQNSPCFG={profile}").endswith(OK)
    line.http()
    return line


def http_code(line: Line) -> int:
    answer = line("AT+SQNHTTPCONNECT=1", b"NNECT: 1")
    code = int(re.findall(rb"\+SQNHTTPCONNECT: 1,(\d+)\r\n", answer)[0])
    assert (f"+SQNHTTPSH: 1,{code}\r\n".encode() in answer) == (code != 0)
    line("AT+SQNHTTPDISCONNECT=1", OK)
    return code


def outcome(line: Line) -> tuple[int, bytes]:
    """The HTTP client's code and the result of a dial."""
    code = http_code(line)
    result = line.dial()
    line("AT+SQNSH=1")
    return code, result.strip()


def test_levels_0_1_and_5_do_what_the_manual_says(server: HttpsServer) -> None:
    with HttpsServer(names=("other.test",), ca=server.ca) as other:
        for level, code in ((0, 0), (1, 0), (5, 60)):
            line = with_server(other, f'1,3,"",{level},19')
            assert outcome(line) == (code, b"NO CARRIER" if code else b"OK")
            line.port.close()
        assert any("alert" in text.lower() for text in other.failures)


def test_wrong_ca_is_refused_unless_nothing_is_checked(ca: trustme.CA) -> None:
    with HttpsServer() as server:
        line = with_server(server, '1,3,"",1,19')
        line.store("certificate", 19, ca.cert_pem.bytes())
        assert outcome(line) == (60, b"NO CARRIER")
        assert server.wait_until(lambda: len(server.failures) >= 2)
        assert all("unknown ca" in text.lower() for text in server.failures[:2])
        line('AT+SQNSPCFG=1,3,"",0,19')
        assert outcome(line) == (0, b"OK")
        line.port.close()


@pytest.mark.parametrize("moment", ["1970-01-01T00:07:30Z", "2990-01-01T00:00:00Z"])
def test_dates_are_judged_by_the_modems_clock(moment: str) -> None:
    now = datetime.now(UTC)
    with HttpsServer(not_before=now - timedelta(days=1), not_after=now + timedelta(days=30)) as server:
        line = with_server(server, '1,3,"",1,19', clock=moment)
        assert outcome(line) == (60, b"NO CARRIER")
        line(f'AT+CCLK="{now:%y/%m/%d,%H:%M:%S}+00"')
        assert outcome(line) == (0, b"OK")
        line.port.close()


def test_no_common_version_and_no_common_cipher() -> None:
    with HttpsServer(tls_min=TlsVersion.TLS1_3) as server:
        line = with_server(server, '1,2,"",1,19')
        assert outcome(line) == (35, b"NO CARRIER")
        line.port.close()
        line = with_server(server, '1,2,"",1,19', version_meaning="minimum")
        assert outcome(line) == (0, b"OK")
        line.port.close()
    with HttpsServer(tls_max=TlsVersion.TLS1_2, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384") as server:
        line = with_server(server, '1,2,"0xC02B",1,19')
        assert outcome(line) == (35, b"NO CARRIER")
        line('AT+SQNSPCFG=1,2,"0xC02B;0xC02C",1,19')
        assert outcome(line) == (0, b"OK")
        line.port.close()


@pytest.mark.parametrize("level", [2, 3, 4, 6, 7, 8, 255])
def test_illegal_levels_fail_at_use(server: HttpsServer, level: int) -> None:
    line = with_server(server, f'1,3,"",{level},19')
    assert outcome(line) == (77, b"NO CARRIER")
    line.port.close()


@pytest.mark.parametrize("profile", ['1,3,"",1', '1,3,"",5,12', '1,3,"",0,12'])
def test_missing_trust_anchor_is_77_too(server: HttpsServer, profile: str) -> None:
    line = with_server(server, profile)
    assert outcome(line) == (77, b"NO CARRIER")
    line("AT+SQNSPCFG=1,255")
    assert outcome(line) == (77, b"NO CARRIER")
    line.port.close()


def test_what_is_wrong_with_the_profile_shows_only_behind_tcp(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",7,19')
    line.http(port=1, host="localhost")
    assert http_code(line) == 7
    line.http(host="no.invalid")
    assert http_code(line) == 6
    line.port.close()


def test_client_certificate(ca: trustme.CA) -> None:
    with HttpsServer(client_ca=ca, tls_max=TlsVersion.TLS1_2) as server:
        line = with_server(server, '1,2,"",5,19,13,13')
        assert outcome(line) == (58, b"NO CARRIER")
        leaf = ca.issue_cert("client.test")
        line.store("certificate", 13, leaf.cert_chain_pems[0].bytes())
        line.store("privatekey", 13, ca.issue_cert("client.test").private_key_pem.bytes())
        assert outcome(line) == (58, b"NO CARRIER")
        line.store("privatekey", 13, leaf.private_key_pem.bytes())
        assert outcome(line) == (0, b"OK")
        line('AT+SQNSPCFG=1,2,"",5,19')
        assert outcome(line)[1] == b"NO CARRIER"
        line.port.close()


def test_opaque_errors_are_all_77(ca: trustme.CA, server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",1,19', opaque=True)
    assert http_code(line) == 0
    line("AT+SQNHTTPDISCONNECT=1")
    line.store("certificate", 19, ca.cert_pem.bytes())
    assert http_code(line) == 77
    line('AT+SQNSPCFG=1,3,"",1,19,13,13')
    assert http_code(line) == 77
    line.http(port=1, host="localhost")
    assert http_code(line) == 7
    line.port.close()


def test_http_without_a_ca_slot_goes_in_the_clear_and_a_socket_does_not(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",0')
    seen = len(server.handshakes)
    assert http_code(line) == 0
    assert len(server.handshakes) == seen
    assert line.dial() == OK
    assert server.wait_until(lambda: len(server.handshakes) == seen + 1)
    line.port.close()
    honest = with_server(server, '1,3,"",0', plaintext_without_ca=False)
    assert http_code(honest) == 0
    assert server.wait_until(lambda: len(server.handshakes) == seen + 2)
    honest.port.close()


def test_empty_ca_slot_may_count_as_none(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",0,12', empty_ca_refused=False)
    seen = len(server.handshakes)
    assert outcome(line) == (0, b"OK")
    assert server.wait_until(lambda: len(server.handshakes) == seen + 1)  # the socket's
    line('AT+SQNSPCFG=1,3,"",1,12')
    assert outcome(line) == (77, b"NO CARRIER")
    line.port.close()


def test_pre_shared_key_is_never_a_way_around_tls(server: HttpsServer) -> None:
    line = with_server(server, '1,2,"0x00A8",0,,,,"AABB","me"')
    assert outcome(line) == (35, b"NO CARRIER")
    line.port.close()


def test_host_crypto_engine_is_not_there(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19,13,13,"","",1')
    assert outcome(line) == (58, b"NO CARRIER")
    line.port.close()


def test_no_secret_is_shown_by_repr() -> None:
    line = offline()
    line('AT+SQNSPCFG=1,2,"",0,,,,"AABBCC","identity"')
    line('AT+SQNHTTPCFG=1,"server.test",80,1,"me","password"')
    shown = repr(line.modem.profiles) + repr(line.modem.http_settings)
    assert "AABBCC" not in shown
    assert "password=" not in shown
    assert "identity=" not in shown


def test_session_is_resumed_where_the_profile_says_so() -> None:
    with HttpsServer(tls_max=TlsVersion.TLS1_2) as server:
        line = with_server(server, '1,2,"",5,19,,,"","",0,1,0')
        for expected in (False, True):
            assert line.dial() == OK
            connection = line.modem.sockets[1].connection
            assert connection is not None
            assert connection.resumed == expected
            line("AT+SQNSH=1")
        line.port.close()


@pytest.mark.parametrize(("level", "code"), [(0, 0), (1, 0), (3, 0), (4, 60), (7, 60), (8, 77)])
def test_levels_of_the_old_model_are_a_map(server: HttpsServer, level: int, code: int) -> None:
    with HttpsServer(names=("other.test",), ca=server.ca) as other:
        line = Line(Gm01q(map=f"*:443=127.0.0.1:{other.port}", echo=False, patience=5))
        line.online()
        line.store("certificate", 19, other.ca_pem)
        line(f"AT+SQNSPCFG=1,2,,{level},19")
        line.http()
        assert http_code(line) == code
        line.port.close()


def test_old_model_has_no_tls_1_3() -> None:
    with HttpsServer(tls_min=TlsVersion.TLS1_3) as server:
        line = Line(Gm01q(map=f"*:443=127.0.0.1:{server.port}", echo=False, patience=5))
        line.online()
        line.store("certificate", 19, server.ca_pem)
        line.http()
        for version in (2, 3):
            line(f"AT+SQNSPCFG=1,{version},,1,19")
            assert http_code(line) == 35
        line.port.close()


def test_wrong_level_map_is_refused() -> None:
    with pytest.raises(ValueError, match="level_map"):
        Gm01q(level_map="1:everything")


# the HTTP client


def get(line: Line, target: str, method: int = 0, extra: str = "") -> tuple[int, str, int]:
    line.port.read(0)
    answer = line(f'AT+SQNHTTPQRY=1,{method},"{target}"{extra}', b"RING")
    assert answer.startswith(OK)
    match = re.search(rb'\+SQNHTTPRING: 1,(\d+),"([^"]*)",(\d+)\r\n', answer)
    assert match, answer
    return int(match[1]), match[2].decode(), int(match[3])


def body(line: Line) -> bytes:
    answer = line("AT+SQNHTTPRCV=1", OK)
    assert answer.startswith(b"\r\n<<<")
    assert answer.endswith(OK)
    return answer[5:-6]


def test_get_connects_by_itself_and_keeps_the_connection(line: Line, server: HttpsServer) -> None:
    line.http()
    seen = len(server.handshakes)
    for size in (1, 5000):
        assert get(line, f"/bytes/{size}") == (200, "application/octet-stream", size)
        assert body(line) == pattern(size)
        assert line("AT+SQNHTTPRCV=1") == CME4
    assert len(server.handshakes) == seen + 1


def test_one_megabyte(line: Line) -> None:
    line.http()
    assert get(line, "/bytes/1000000")[2] == 1_000_000
    assert body(line) == pattern(1_000_000)


def test_body_of_unannounced_length_is_pending_behind_a_zero(line: Line) -> None:
    line.http()
    for target in ("/chunked/700", "/close/700"):
        assert get(line, target)[::2] == (200, 0)
        assert body(line) == pattern(700)


def test_read_with_a_limit_loses_the_rest(line: Line) -> None:
    line.http()
    get(line, "/bytes/1000")
    assert line("AT+SQNHTTPRCV=1,63") == CME4
    assert line("AT+SQNHTTPRCV=1,64") == b"\r\n<<<" + pattern(64) + OK
    assert line("AT+SQNHTTPRCV=1") == CME4


def test_head_and_delete(line: Line, server: HttpsServer) -> None:
    line.http()
    assert get(line, "/bytes/10", 1)[::2] == (200, 0)
    assert line("AT+SQNHTTPRCV=1") == CME4
    get(line, "/status/204", 2)
    assert [entry.method for entry in server.log[-2:]] == ["HEAD", "DELETE"]


@pytest.mark.parametrize(("command", "method"), [(0, "POST"), (1, "PUT")])
def test_upload(line: Line, server: HttpsServer, command: int, method: str) -> None:
    line.http()
    data = bytes(range(256)) * 8
    assert line(f'AT+SQNHTTPSND=1,{command},"/echo",{len(data)},"4","X-One: 1"', b"> ") == b"\r\n> "
    answer = line(data, b"RING")
    assert answer == OK + b'\r\n+SQNHTTPRING: 1,200,"application/json",2048\r\n'
    assert body(line) == data
    assert server.log[-1].method == method
    assert server.log[-1].header("x-one") == "1"


def test_empty_upload_has_no_prompt(line: Line, server: HttpsServer) -> None:
    line.http()
    assert line('AT+SQNHTTPSND=1,0,"/echo",0', b"RING").startswith(OK + b"\r\n+SQNHTTPRING: 1,200,")
    assert server.log[-1].body == b""


def test_upload_that_cannot_connect_has_no_prompt(line: Line) -> None:
    line.http()
    line('AT+SQNSPCFG=1,3,"",7,19')
    answer = line('AT+SQNHTTPSND=1,0,"/echo",4', b"SH")
    assert answer == CME4 + b'\r\n+SQNHTTPRING: 1,0,"",0\r\n\r\n+SQNHTTPSH: 1,77\r\n'


def test_order_of_an_upload_failure_is_a_setting(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",7,19', snd_failure="urcs-first")
    assert line('AT+SQNHTTPSND=1,0,"/echo",4', b"CME").endswith(b"+SQNHTTPSH: 1,77\r\n" + CME4)
    line.port.close()


def test_triple_prompt(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19', http_prompt="triple")
    assert line('AT+SQNHTTPSND=1,0,"/echo",4', b">>>") == b"\r\n>>>"
    line.port.close()


@pytest.mark.parametrize(
    ("target", "codes"), [("/cut/1000/10", (18,)), ("/reset/1000/10", (18, 56)), ("/short/1000/10", (18,))]
)
def test_body_that_is_cut_off_is_a_failure(line: Line, target: str, codes: tuple[int, ...]) -> None:
    line.http()
    answer = line(f'AT+SQNHTTPQRY=1,0,"{target}"', b"SH")
    assert b'+SQNHTTPRING: 1,0,"",0\r\n' in answer
    assert int(answer.rstrip().rpartition(b",")[2]) in codes
    assert line("AT+SQNHTTPRCV=1") == CME4


def test_response_that_never_comes_ends_at_the_limit() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Gm02s(patience=0.02))
        line.online()
        line(f'AT+SQNHTTPCFG=1,"server.test",{listener.getsockname()[1]},0,"","",0,30,1,1,20')
        before = line.port.now()
        answer = line('AT+SQNHTTPQRY=1,0,"/"', b"SH")
        assert answer.endswith(b"+SQNHTTPSH: 1,28\r\n")
        assert 30 <= line.port.now() - before < 32
        line.port.close()


def test_body_larger_than_the_memory_is_code_27(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19', max_http_body=1000)
    get(line, "/bytes/1000")
    assert body(line) == pattern(1000)
    assert line('AT+SQNHTTPQRY=1,0,"/bytes/1001"', b"SH").endswith(b"+SQNHTTPSH: 1,27\r\n")
    line.port.close()


def test_answer_that_is_no_http_and_server_that_says_nothing() -> None:
    import socket

    for answer, code in ((b"hello\r\n", b"8"), (b"", b"52"), (b"HTTP/1.1 200 OK\r\n", b"56")):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            line = Line(Gm02s(patience=5))
            line.online()
            line.http(port=listener.getsockname()[1])
            line(f'AT+SQNHTTPCFG=1,"server.test",{listener.getsockname()[1]}')
            line("AT+SQNHTTPCONNECT=1", b"NNECT: 1,0")
            peer, _ = listener.accept()
            line('AT+SQNHTTPQRY=1,0,"/"', OK)
            peer.recv(1000)
            peer.sendall(answer)
            peer.close()
            said = b""
            while b"SH:" not in said:
                said += line.port.read(5)
            assert said.endswith(b"+SQNHTTPSH: 1," + code + b"\r\n"), (answer, said)
            line.port.close()


def test_body_without_a_length_that_ends_by_a_reset_is_no_body() -> None:
    import socket
    import struct

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Gm02s(patience=5))
        line.online()
        line(f'AT+SQNHTTPCFG=1,"server.test",{listener.getsockname()[1]}')
        line("AT+SQNHTTPCONNECT=1", b"NNECT: 1,0")
        peer, _ = listener.accept()
        line('AT+SQNHTTPQRY=1,0,"/"', OK)
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        assert line.port.read(0.2) == b""
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        answer = line(b"", b"SH:")
        assert answer == b'\r\n+SQNHTTPRING: 1,0,"",0\r\n\r\n+SQNHTTPSH: 1,56\r\n'
        line.port.close()


def test_radio_switched_off_in_the_middle(line: Line) -> None:
    line.http()
    line("AT+SQNHTTPCONNECT=1", b"NNECT: 1,0")
    line("AT+CFUN=0", b"CEREG: 0")
    answer = line('AT+SQNHTTPQRY=1,0,"/"', b"SH")
    assert answer.endswith(b'\r\n+SQNHTTPRING: 1,0,"",0\r\n\r\n+SQNHTTPSH: 1,6\r\n')


def test_disconnect_parameter_closes_after_the_response(line: Line) -> None:
    line.http()
    answer = line('AT+SQNHTTPQRY=1,0,"/",,1', b"SH")
    assert re.search(rb"RING: 1,200,[^\r]*\r\n\r\n\+SQNHTTPSH: 1,0\r\n$", answer)


def test_idle_close_is_noticed_with_the_next_action(line: Line) -> None:
    line.http()
    get(line, "/close/5")
    line.port.sleep(10)
    assert line.port.read(0) == b""
    answer = line('AT+SQNHTTPQRY=1,0,"/"', b"RING")
    assert answer.startswith(b"\r\n+SQNHTTPSH: 1,0\r\n" + OK)


def test_second_request_while_one_is_under_way_is_refused(line: Line) -> None:
    line.http()
    command = 'AT+SQNHTTPQRY=1,0,"/"\r'
    answer = line((command * 2).encode(), b"RING")
    assert answer.startswith(OK + CME4)
    assert answer.count(b"RING") == 1


def test_basic_login_and_the_host_header(line: Line, server: HttpsServer) -> None:
    line('AT+SQNHTTPCFG=1,"server.test",443,1,"me","word",1,120,1,1')
    get(line, "/", extra=',"X-Two: a b"')
    entry = server.log[-1]
    assert entry.header("authorization") == "Basic bWU6d29yZA=="
    assert entry.header("host") == "server.test"
    assert entry.header("x-two") == "a b"


@pytest.mark.parametrize(
    "command",
    ['AT+SQNHTTPCFG=3,"h"', 'AT+SQNHTTPCFG=1,h', 'AT+SQNHTTPCFG=1,"h",443,0,"","",1,20,1,1,30',
     "AT+SQNHTTPCONNECT=2", 'AT+SQNHTTPQRY=1,3,"/"', 'AT+SQNHTTPQRY=1,0,/', "AT+SQNHTTPRCV=0"],
)  # fmt: skip
def test_wrong_http_commands_are_refused(line: Line, command: str) -> None:
    line.http()
    assert line(command) == CME4


def test_short_forms_of_the_http_profile() -> None:
    line = offline()
    line('AT+SQNHTTPCFG=1,"host"')
    line('AT+SQNHTTPCFG=0,"host",80,0,"","",1,120,,3')
    assert line("AT+SQNHTTPCFG?") == (
        b'\r\n+SQNHTTPCFG: 0,"host",80,0,"","",1,120,1,3,60,0\r\n'
        b'+SQNHTTPCFG: 1,"host",80,0,"","",0,120,1,1,60,0\r\n\r\nOK\r\n'
    )


def test_whole_day_with_noise_and_small_pieces(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19')
    noisy = Line(Gm02s(map=f"*:443=127.0.0.1:{server.port}", urc_noise=0.5, chunk=7, patience=5))
    for each in (line, noisy):
        each("AT+CMEE=1", OK)
        each("AT+CFUN=1", OK)
        each.port.sleep(10)
        each(b"\r")
        each(f'AT+SQNSNVW="certificate",19,{len(server.ca_pem)}', b"> ")
        each(server.ca_pem, OK)
        each('AT+SQNSPCFG=1,3,"",5,19', OK)
        each.http()
        each('AT+SQNHTTPQRY=1,0,"/bytes/400"', b"RING")
        assert pattern(400) in each("AT+SQNHTTPRCV=1", OK)
        each.port.close()


def test_restart_in_the_middle_of_a_request(server: HttpsServer) -> None:
    line = with_server(server, '1,3,"",5,19', reboot_after=8)
    assert len(line.modem.commands) < 8
    while len(line.modem.commands) < 7:
        line("AT")
    assert line('AT+SQNHTTPQRY=1,0,"/"', b"START") == b"\r\n+SYSSTART\r\n"
    assert line("AT+CFUN?") == b"\r\n+CFUN: 0\r\n\r\nOK\r\n"
    line.port.close()


def test_restart_cuts_open_connections() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Gm02s(patience=5))
        line.online()
        line(f'AT+SQNSD=1,0,{listener.getsockname()[1]},"server.test",0,0,1', b"\r\n")
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(5)
            assert line("AT^RESET", b"START") == OK + b"\r\n+SYSSTART\r\n"
            assert peer.recv(10) == b""
        assert b"+SQNSS: 1,0\r\n" in line("AT+SQNSS")
        line.port.close()


def test_on_a_pty(server: HttpsServer, tmp_path: Path) -> None:
    import serial

    link = tmp_path / "modem"
    modem = Gm02s(map=f"*:443=127.0.0.1:{server.port}", registration_delay=0)
    with PtyServer(modem, link=link), serial.Serial(str(link), timeout=10) as tty:

        def talk(sent: bytes, until: bytes) -> bytes:
            tty.write(sent)
            return tty.read_until(until)

        talk(b"AT+CFUN=1\r", b'A",7\r\n')
        talk(f'AT+SQNSNVW="certificate",19,{len(server.ca_pem)}\r'.encode(), b"> ")
        talk(server.ca_pem, OK)
        talk(b'AT+SQNSPCFG=1,3,"",5,19\r', OK)
        talk(b'AT+SQNHTTPCFG=1,"server.test",443,0,"","",1,120,1,1\r', OK)
        talk(b'AT+SQNHTTPQRY=1,0,"/bytes/20000"\r', b",20000\r\n")
        tty.write(b"AT+SQNHTTPRCV=1\r")
        assert tty.read(5 + 20_000 + 6) == b"\r\n<<<" + pattern(20_000) + OK


def test_every_setting_says_what_it_is_and_the_doubtful_ones_say_so() -> None:
    found = {info.name: info for info in describe(MonarchSettings)}
    assert all(len(info.help) > 10 for info in found.values())
    assert {"async_dial", "plaintext_without_ca", "version_meaning", "key_listing"} <= {
        name for name, info in found.items() if info.assumed
    }
