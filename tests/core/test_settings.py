"""Settings: arguments before environment before file before model; what is wrong gets one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.canaries import PASSWORD, PIN

import modemtls
from modemtls import Gap, Settings, Unsupported
from modemtls.settings import load

PORT = "/dev/ttyUSB0"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def file(text: str, path: str = "modemtls.toml") -> Path:
    found = Path(path)
    found.write_text(text, "utf-8")
    return found


def test_defaults() -> None:
    assert load(PORT, {}, {}) == Settings()


def test_arguments_go_before_environment_before_file() -> None:
    file('[port."/dev/ttyUSB0"]\napn = "file"\nuser = "file"\nmodel = "file"\n')
    found = load(PORT, {"apn": "argument"}, {"MODEMTLS_APN": "environment", "MODEMTLS_USER": "environment"})
    assert (found.apn, found.user, found.model) == ("argument", "environment", "file")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("apn", 'apn = "file"'),
        ("pin", 'pin = "0000"'),
        ("model", 'model = "file"'),
        ("baudrate", "baudrate = 9600"),
        ("timeout", "timeout = 3"),
        ("attach", "attach = false"),
        ("tls", 'tls = "host"'),
        ("accept_gaps", 'accept_gaps = ["hostname"]'),
    ],
)
def test_empty_variable_takes_back_what_the_file_says(name: str, line: str) -> None:
    file(f'[port."/dev/ttyUSB0"]\n{line}\n')
    assert getattr(load(PORT, {}, {}), name) != getattr(Settings(), name)
    assert load(PORT, {}, {f"MODEMTLS_{name.upper()}": ""}) == Settings()
    given = getattr(load(PORT, {}, {}), name)
    assert getattr(load(PORT, {name: given}, {f"MODEMTLS_{name.upper()}": ""}), name) == given


def test_false_and_zero_are_given_and_none_is_not() -> None:
    file('[port."/dev/ttyUSB0"]\nattach = true\nhttp_profile = 2\njournal = false\n')
    found = load(PORT, {"attach": False, "http_profile": 0, "journal": None}, {})
    assert (found.attach, found.http_profile, found.journal) == (False, 0, False)


def test_another_port_has_settings_of_its_own() -> None:
    file('[port."/dev/ttyUSB1"]\napn = "other"\n')
    assert load(PORT, {}, {}).apn is None


def test_port_with_a_query_finds_its_table_with_and_without_it() -> None:
    file('[port."sim://acme"]\napn = "a"\n[port."sim://acme?x=1"]\napn = "b"\n')
    assert load("sim://acme?x=1", {}, {}).apn == "b"
    assert load("sim://acme?x=2", {}, {}).apn == "a"


def test_file_is_the_named_one_else_the_one_here_else_the_users(own_surroundings: Path) -> None:
    users = own_surroundings / "config" / "modemtls" / "modemtls.toml"
    users.parent.mkdir(parents=True)
    file('[port."/dev/ttyUSB0"]\napn = "users"\n', str(users))
    assert load(PORT, {}, {}).apn == "users"
    file('[port."/dev/ttyUSB0"]\napn = "here"\n')
    assert load(PORT, {}, {}).apn == "here"
    named = file('[port."/dev/ttyUSB0"]\napn = "named"\n', "other.toml")
    assert load(PORT, {}, {"MODEMTLS_CONFIG": str(named)}).apn == "named"


def test_every_setting_is_understood_from_text() -> None:
    words = {
        "MODEMTLS_BAUDRATE": "921600", "MODEMTLS_RTSCTS": "off", "MODEMTLS_TIMEOUT": "2.5",
        "MODEMTLS_ATTACH": "No", "MODEMTLS_PIN": "0042", "MODEMTLS_ACCEPT_GAPS": "hostname, dates",
        "MODEMTLS_SECURITY_PROFILE": "3", "MODEMTLS_SOCKET": "2", "MODEMTLS_JOURNAL": "0",
    }  # fmt: skip
    found = load(PORT, {}, words)
    assert (found.baudrate, found.rtscts, found.timeout, found.attach, found.pin) == (
        921600, False, 2.5, False, "0042",
    )  # fmt: skip
    assert found.accept_gaps == {Gap.HOSTNAME, Gap.DATES}
    assert (found.security_profile, found.socket, found.journal) == (3, 2, False)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[port", "modemtls.toml"),
        ("\ufeff[port]\nx = \x00", "modemtls.toml"),
        ('port = "x"', "tables"),
        ('port = ["x"]', "tables"),
        ('[port]\n"/dev/ttyUSB0" = 1', "table"),
        ('[port."/dev/ttyUSB0"]\nbaud = 1', "baud"),
        ('[port."/dev/ttyUSB0"]\nbaudrate = "fast"', "baudrate"),
        ('[port."/dev/ttyUSB0"]\nbaudrate = 0', "baudrate"),
        ('[port."/dev/ttyUSB0"]\nbaudrate = -9600', "baudrate"),
        ('[port."/dev/ttyUSB0"]\nbaudrate = true', "baudrate"),
        ('[port."/dev/ttyUSB0"]\nsocket = -1', "socket"),
        ('[port."/dev/ttyUSB0"]\ntimeout = 0', "timeout"),
        ('[port."/dev/ttyUSB0"]\ntimeout = nan', "timeout"),
        ('[port."/dev/ttyUSB0"]\ntimeout = inf', "timeout"),
        ('[port."/dev/ttyUSB0"]\nattach = "perhaps"', "attach"),
        ('[port."/dev/ttyUSB0"]\nattach = 1', "attach"),
        ('[port."/dev/ttyUSB0"]\naccept_gaps = ["everything"]', "hostname"),
        ('[port."/dev/ttyUSB0"]\naccept_gaps = [1]', "hostname"),
        ('[port."/dev/ttyUSB0"]\naccept_gaps = 1', "accept_gaps"),
        ('[port."/dev/ttyUSB0"]\noptions = 1', "options"),
        ('[port."/dev/ttyUSB0"]\npin = 42', "leading zero"),
        ('[port."/dev/ttyUSB0"]\nmodel = 7', "model"),
    ],
)
def test_file_that_is_wrong_is_one_clear_error(text: str, names: str) -> None:
    file(text)
    with pytest.raises(Unsupported, match=names) as caught:
        load(PORT, {}, {})
    assert caught.value.remedy


def test_file_that_is_no_text_or_not_there_is_one_clear_error(tmp_path: Path) -> None:
    Path("modemtls.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unsupported, match="cannot be read"):
        load(PORT, {}, {})
    for wrong in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(Unsupported, match="cannot be read"):
            load(PORT, {}, {"MODEMTLS_CONFIG": str(wrong)})


def test_wrong_variable_is_named() -> None:
    with pytest.raises(Unsupported, match="MODEMTLS_BAUDRATE"):
        load(PORT, {}, {"MODEMTLS_BAUDRATE": "fast"})


def test_secrets_are_in_no_repr_and_no_error() -> None:
    found = load(PORT, {"password": PASSWORD, "pin": PIN}, {})
    assert PASSWORD not in repr(found) + repr(found.network)
    assert PIN not in repr(found) + repr(found.network)
    file(f'[port."/dev/ttyUSB0"]\npassword = {PIN}\n')
    with pytest.raises(Unsupported) as caught:
        load(PORT, {}, {})
    assert PIN not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"security_profile": 7}, "1 to 6"),
        ({"security_profile": 0}, "1 to 6"),
        ({"http_profile": 3}, "0 to 2"),
        ({"socket": 7}, "1 to 6"),
        ({"model": "acme"}, "acme"),
        ({"options": {"dail": "sync"}}, "dail"),
        ({"options": {"dial": "maybe"}}, "maybe"),
    ],
)
def test_setting_that_the_model_does_not_know_is_refused_when_it_is_opened(
    given: dict[str, object], names: str
) -> None:
    with pytest.raises(Unsupported, match=names):
        modemtls.open("sim://sequans-gm02s", **given)  # type: ignore[arg-type]


def test_configuration_swaps_the_modem_and_its_gaps() -> None:
    file('[port."sim://sequans-gm01q"]\n[port."sim://sequans-gm01q".options]\n'
         'valid_level_map = "chain+dates=3, chain+dates+hostname=7"\nversion_map = "1.2=2"\n')  # fmt: skip
    with modemtls.open("sim://sequans-gm01q") as modem:
        modem.https("one.test")
    narrower = {"valid_level_map": "chain+dates=3"}
    with (
        modemtls.open("sim://sequans-gm01q", options=narrower) as modem,
        pytest.raises(Unsupported, match="hostname"),
    ):
        modem.https("one.test")


def test_numbers_that_are_owned_can_be_set() -> None:
    import trustme

    ca = trustme.CA().cert_pem.bytes()
    with modemtls.open("sim://sequans-gm02s", security_profile=3) as modem:
        modem.trust(ca)
        assert [profile.number for profile in modem.profiles.list()] == [3]
