"""Whatever the bytes: a file that is whole and the same, or one kind of error."""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from modemtls.credentials import CredentialFile, bundle, lint, read
from modemtls.errors import CredentialError

from .forge import NOW, issue

ROOT = issue("root", ca=True)
LEAF = issue("device", issuer=ROOT)
ENCRYPTED = LEAF.key_as(PrivateFormat.TraditionalOpenSSL, password=b"x")
SEEDS = (ROOT.pem, LEAF.pem + ROOT.pem, LEAF.key_as(), LEAF.pem + LEAF.key_as(), ROOT.der, ENCRYPTED)
INSERTS = (
    b"-",
    b"=",
    b"\r",
    b"\n",
    b"\\n",
    b"\x00",
    b'"',
    "\u2026".encode(),
    "\u2013".encode(),
    "\u200b".encode(),
    b"\xff",
    b"-----BEGIN CERTIFICATE-----",
    b"-----END PRIVATE KEY-----",
    b"Proc-Type: 4,ENCRYPTED\n",
)


def read_or_refuse(data: bytes) -> CredentialFile | None:
    refusal: CredentialError | None = None
    try:
        file = read(data)
    except CredentialError as error:
        refusal = error
    if refusal is not None:
        assert str(refusal)
        assert refusal.reasons
        return None
    assert file.certificates or file.keys
    lint(file, now=NOW)
    again = read(bundle(file.certificates) + b"".join(key.pem for key in file.keys))
    assert again.mended == ()
    assert [c.sha256 for c in again.certificates] == list(dict.fromkeys(c.sha256 for c in file.certificates))
    assert [key.pem for key in again.keys] == [key.pem for key in file.keys]
    return file


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(st.binary(max_size=80).map(lambda data: b"\x30" + bytes([len(data)]) + data))
def test_any_content_of_a_sequence(data: bytes) -> None:
    read_or_refuse(data)


@given(st.text(alphabet='-BEGIND CRTFAKY\n=\u2013\u2026"\\nMI', max_size=200))
def test_any_text_of_what_markers_are_made_of(text: str) -> None:
    read_or_refuse(text.encode())


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.data())
def test_changed_files(seed: bytes, data: st.DataObject) -> None:
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        match data.draw(st.integers(0, 3)):
            case 0:
                changed[at:at] = data.draw(st.sampled_from(INSERTS))
            case 1:
                del changed[at : at + data.draw(st.integers(1, 80))]
            case 2:
                changed[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case _:
                changed[at:at] = changed[: data.draw(st.integers(0, 200))]
    read_or_refuse(bytes(changed))


def test_every_changed_byte_of_a_der_certificate() -> None:
    generator = random.Random(7)
    for at in range(len(ROOT.der)):
        changed = bytearray(ROOT.der)
        changed[at] ^= 1 << generator.randrange(8)
        read_or_refuse(bytes(changed))


@given(
    st.integers(1, 200),
    st.sampled_from(("\n", "\r\n", "\r")),
    st.sampled_from(("", " ", "\t", "\u00a0", "\u200b")),
)
def test_wrapping_line_ends_and_blanks_never_change_what_is_read(width: int, end: str, blank: str) -> None:
    lines = ROOT.pem.decode().splitlines()
    body = "".join(lines[1:-1])
    wrapped = [body[at : at + width] for at in range(0, len(body), width)]
    text = end.join(blank + line + blank for line in (lines[0], *wrapped, lines[-1]))
    file = read_or_refuse(text.encode())
    assert file is not None
    assert bundle(file.certificates) == ROOT.pem


@given(st.integers(0, len(ROOT.pem) - 2), st.integers(1, 64))
def test_missing_text_is_never_mended_to_something_else(start: int, count: int) -> None:
    file = read_or_refuse(ROOT.pem[:start] + ROOT.pem[start + count :])
    if file is not None:
        assert bundle(file.certificates) == ROOT.pem
