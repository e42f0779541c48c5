"""The watch for secrets can fail: each secret, in each disguise, in each place where something is shown, is found."""

from __future__ import annotations

import base64
import gc
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_from_bytes

import click
import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests import watched
from tests.canaries import CANARIES, PASSWORD, PIN, TOKEN
from tests.watch import EXEMPT_FILES, Watch, watching

from modemtls import ModemError
from modemtls.at.exchange import Event
from modemtls.log import happened, wire

KEY = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
SECRETS = {**CANARIES, "private key": KEY}
each_secret = pytest.mark.parametrize("name", sorted(SECRETS))


def text_of(secret: bytes) -> str:
    return secret.decode("latin-1")


FORMS: dict[str, Callable[[bytes], str]] = {
    "plain": text_of,
    "backwards": lambda secret: text_of(secret[::-1]),
    "hexadecimal": lambda secret: secret.hex(),
    "HEXADECIMAL": lambda secret: secret.hex().upper(),
    "hexadecimal with colons": lambda secret: secret.hex(":"),
    "escaped": lambda secret: "".join(f"\\x{byte:02x}" for byte in secret),
    "C": lambda secret: ", ".join(f"0x{byte:02X}" for byte in secret),
    "decimal": lambda secret: str(list(secret)),
    "repr": repr,
    "base64": lambda secret: base64.b64encode(secret).decode(),
    "base64, shifted by one": lambda secret: base64.b64encode(b"x" + secret + b"yz").decode(),
    "base64, shifted by two": lambda secret: base64.b64encode(b"xy" + secret + b"z").decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret).decode(),
    "base64 in lines": lambda secret: "\n".join(textwrap.wrap(base64.b64encode(secret).decode(), 7)),
    "percent": lambda secret: "".join(f"%{byte:02X}" for byte in secret),
    "address": quote_from_bytes,
    "coloured": lambda secret: "\x1b[31m" + "\x1b[0m\x1b[1m".join(textwrap.wrap(secret.hex(), 5)),
}
each_form = pytest.mark.parametrize("form", FORMS)


def end_of(watch: Watch) -> str:
    watched.see_dying_errors()
    return "\n".join(watch.end())


def raise_and_drop(make: Callable[[], BaseException]) -> None:
    """An error that nobody catches by name, as when a call is given up."""
    try:
        raise make()
    except Exception:
        pass
    gc.collect()


def from_another(text: str) -> BaseException:
    error = ModemError("It failed.")
    error.__cause__ = ValueError(text)
    return error


def noted(text: str) -> BaseException:
    error = ModemError("It failed.")
    error.add_note(text)
    return error


def changed_later(text: str) -> BaseException:
    error = ModemError("It failed.")
    error.findings = (text,)
    return error


@click.command()
@click.argument("text")
def echoing(text: str) -> None:
    click.echo(f"it is {text}")
    click.echo(f"and {text}", err=True)


def log_elsewhere(text: str) -> None:
    """By the watch's own handler alone: pytest captures what the root logger gets, and the run's watch sees that."""
    [handler] = [each for each in logging.getLogger().handlers if isinstance(each, watched.Handler)]
    handler.handle(logging.LogRecord("somebody", logging.DEBUG, __file__, 1, "it is %s", (text,), None))


PLACES: dict[str, Callable[[str], object]] = {
    "happened": lambda text: happened("something", level=logging.DEBUG, because=text),
    "wire": lambda text: wire("received", line=f"+X: {text}"),
    "event of a log": lambda text: happened(text),
    "another logger": log_elsewhere,
    "message": lambda text: ModemError(f"It was {text}."),
    "remedy": lambda text: ModemError("It failed.", remedy=text),
    "lines": lambda text: ModemError("It failed.", lines=["OK", text]),
    "command": lambda text: ModemError("It failed.", command=text),
    "cause": lambda text: raise_and_drop(lambda: from_another(text)),
    "note": lambda text: raise_and_drop(lambda: noted(text)),
    "changed later": lambda text: raise_and_drop(lambda: changed_later(text)),
    "record": lambda text: Event(text, 0.0),
    "command line": lambda text: CliRunner().invoke(echoing, ["--", text.replace("\0", "")]),
}


@each_secret
@each_form
def test_each_secret_is_found_in_each_disguise(name: str, form: str) -> None:
    with watching() as watch:
        happened("before", because=FORMS[form](SECRETS[name]))
        told = end_of(watch)
    assert name in told
    assert "a log record of modemtls" in told


@each_secret
@pytest.mark.parametrize("place", PLACES)
def test_each_secret_is_found_in_each_place(name: str, place: str) -> None:
    for form in ("plain", "hexadecimal", "base64"):
        with watching() as watch:
            PLACES[place](FORMS[form](SECRETS[name]))
            assert name in end_of(watch), form


@each_secret
def test_what_is_found_is_not_repeated(name: str) -> None:
    """The sentence about it would be a leak otherwise: of the whole, of a part, of what stands before it."""
    for form, write in FORMS.items():
        with watching() as watch:
            happened("x", because=write(SECRETS[name]) * 3)
            told = end_of(watch)
        assert told, form
        with watching() as watch:
            watch.note("told", told)
            assert not watch.end(), form


@each_secret
@pytest.mark.parametrize("size", [3, 7, 16])
def test_a_secret_in_pieces_over_many_records_is_found(name: str, size: int) -> None:
    for write in (FORMS["hexadecimal"], FORMS["base64"]):
        text = write(SECRETS[name])
        with watching() as watch:
            for at in range(0, len(text), size):
                wire("received", line=text[at : at + size])
            assert name in end_of(watch)


@each_secret
def test_a_secret_in_two_halves_in_two_records_is_found(name: str) -> None:
    for form in ("hexadecimal", "base64"):
        text = FORMS[form](SECRETS[name])
        with watching() as watch:
            for half in (text[: len(text) // 2], text[len(text) // 2 :]):
                wire("received", line=f"+SOMETHING: {half}" if name != "PIN" else half)
            assert name in end_of(watch)


@pytest.mark.parametrize("kind", ["elliptic", "rsa", "ed25519", "trustme", "trustme, elliptic"])
def test_a_key_that_anybody_makes_is_known(kind: str, tmp_path: Path) -> None:
    """As it is written in a file, in each piece of three lines, and as numbers."""
    if kind == "elliptic":
        number = ec.generate_private_key(ec.SECP384R1()).private_numbers().private_value
    elif kind == "rsa":
        number = rsa.generate_private_key(65537, 2048).private_numbers().q
    elif kind == "ed25519":
        number = int.from_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes_raw(), "big")
    else:
        types = {"trustme": trustme.KeyType.RSA, "trustme, elliptic": trustme.KeyType.ECDSA}
        pem = trustme.CA(key_type=types[kind]).private_key_pem.bytes()
        key = load_pem_private_key(pem, None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        numbers = key.private_numbers()
        number = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
        with watching() as watch:
            watch.note("a file", b"\n".join(pem.splitlines()[1:3]) if "elliptic" in kind else pem)
            assert "private key" in end_of(watch)
    with watching() as watch:
        happened("x", because=f"{number:x}")
        assert "private key" in end_of(watch)


def test_public_things_are_not_taken_for_secret() -> None:
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = ca.issue_cert("one.test", key_type=trustme.KeyType.ECDSA)
    with watching() as watch:
        for blob in (ca.cert_pem, *leaf.cert_chain_pems):
            watch.note("a certificate", blob.bytes())
        public = leaf.private_key_pem.bytes().splitlines()
        watch.note("what all keys have", public[0], public[-1])
        wire("sent", line='AT+CGAUTH=1,1,"me",***')
        assert not watch.end()


@pytest.mark.parametrize("name", ["recording.txt", "deep/journal.json", "log"])
def test_a_secret_in_a_file_is_found(name: str, tmp_path: Path) -> None:
    # Not below the folder that the run's own watch looks at: what is planted here must not fail this test.
    path = tmp_path / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for secret in (PASSWORD.encode(), KEY, base64.b64encode(KEY), TOKEN.encode("utf-16-le")):
        path.write_bytes(b"x" * 10_000 + secret)
        with watching() as watch:
            watch.files(tmp_path / "secrets")
            assert f"file {path.name}" in "\n".join(watch.end())
    path.write_bytes(b"x" * 10_000 + b"harmless")
    with watching() as watch:
        watch.files(tmp_path / "secrets")
        assert not watch.end()


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    with watching() as watch:
        (folder / "log").write_text("harmless")
        watch.files(folder)
        assert not watch.end()
        (folder / "log").write_text(f"harmless, and {PIN}")
        watch.files(folder)
        assert "PIN" in "\n".join(watch.end())


def test_each_exemption_has_a_reason() -> None:
    for reasons in (EXEMPT_FILES, watched.EXEMPT_RECORDS):
        assert all(len(reason) > 20 for reason in reasons.values())


LEAKING = """
import subprocess, sys
import pytest
from modemtls import ModemError
from modemtls.log import happened, wire
from tests.canaries import PASSWORD, PIN, TOKEN

def test_harmless(): happened("x", because="y")
def test_log(): happened("x", because=PASSWORD)
def test_wire(): wire("received", line=PIN)
def test_error():
    with pytest.raises(ModemError): raise ModemError(TOKEN)
def test_error_that_is_dropped(): ModemError("x").__cause__ = ValueError(TOKEN)
def test_output(): print(PASSWORD)
def test_read_output(capsys):
    print(PASSWORD)
    capsys.readouterr()
def test_program(): subprocess.run([sys.executable, "-c", f"print({PASSWORD!r})"], capture_output=True)
def test_file(tmp_path): (tmp_path / "log").write_text(PASSWORD)
def test_input(tmp_path): (tmp_path / "key.pem").write_text(PASSWORD)
@pytest.fixture(scope="module")
def folder(tmp_path_factory): return tmp_path_factory.mktemp("shared")
def test_shared_file(folder): (folder / "log").write_text(PASSWORD)
@pytest.fixture
def late():
    yield
    happened("x", because=PIN)
def test_end(late): pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_with_leaks_fails_by_name_and_does_not_show_them(tmp_path: Path, workers: str) -> None:
    root = Path(__file__).resolve().parent.parent
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.append({str(root)!r})\nfrom tests.conftest import pytest_configure\n"
    )
    (tmp_path / "test_leaking.py").write_text(LEAKING)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-W", "error", "-n", workers]
    folders = [f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'secrets'}", str(tmp_path)]
    ran = subprocess.run(
        [*command, *folders, "--show-capture=no"], capture_output=True, text=True, cwd=tmp_path
    )
    told = {line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR", "PASSED"))}
    bad = {line.split("::")[1].split(" ")[0] for line in told if not line.startswith("PASSED")}
    every = {line.split("(")[0][4:] for line in LEAKING.splitlines() if line.startswith("def test_")}
    assert ran.returncode == 1, ran.stdout
    assert bad == every - {"test_harmless", "test_input"}, ran.stdout
    assert "APN password (plain)" in ran.stdout
