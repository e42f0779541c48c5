"""What editors, mail and web pages do to PEM: mended when certain, else refused with the line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modemtls.credentials import bundle, read
from modemtls.errors import CredentialError, Reason

from .forge import Issued, issue

Change = Callable[[list[str]], str]

EN, EM = "\u2013", "\u2014"


def lines(change: Callable[[str], str]) -> Change:
    return lambda text: "\n".join(change(line) for line in text) + "\n"


MENDED: dict[str, Change] = {
    "CRLF": lambda text: "\r\n".join(text) + "\r\n",
    "CR": lambda text: "\r".join(text) + "\r",
    "no final line end": "\n".join,
    "byte order mark": lambda text: "\ufeff" + "\n".join(text) + "\n",
    "leading and trailing text": lambda text: "Root of all:\n\n" + "\n".join(text) + "\nbest regards\n",
    "76 columns": lambda text: _wrapped(text, 76),
    "one column": lambda text: _wrapped(text, 1),
    "all on one line": " ".join,
    "all on one line without blanks": "".join,
    "body on one line": lambda text: f"{text[0]}\n{''.join(text[1:-1])}\n{text[-1]}\n",
    "indented": lines(lambda line: "    " + line),
    "trailing blanks": lines(lambda line: line + " \t "),
    "blank lines": lambda text: "\n\n".join(text) + "\n",
    "non-breaking spaces": lines(lambda line: "\u00a0" + line + "\u202f"),
    "non-breaking spaces in the markers": lines(lambda line: line.replace(" ", "\u00a0")),
    "zero-width characters": lines(lambda line: line[:9] + "\u200b" + line[9:] + "\ufeff"),
    "END with an en dash": lines(lambda line: line.replace("-----END", EN + "END")),
    "END with an em dash": lines(lambda line: line.replace("-----END", EM + "END")),
    "BEGIN with em dashes around": lines(
        lambda line: line.replace("-----BEGIN CERTIFICATE-----", f"{EM}BEGIN CERTIFICATE{EM}")
    ),
    "dashes joined in pairs": lines(lambda line: line.replace("--", EN)),
    "minus signs": lines(lambda line: line.replace("-", "\u2212")),
    "two hyphens": lines(lambda line: line.replace("-----", "--")),
    "END without its last dashes": lines(
        lambda line: line.replace("END CERTIFICATE-----", "END CERTIFICATE")
    ),
    "BEGIN without its first dashes": lines(lambda line: line.replace("-----BEGIN", "BEGIN")),
    "quotes around": lambda text: '"' + "\n".join(text) + '"\n',
    "typographic quotes around": lambda text: "\u201c" + "\n".join(text) + "\u201d\n",
    "source code": lines(lambda line: f'  "{line}\\r\\n" \\'),
    "line ends as in JSON": lambda text: '"' + "\\n".join(text) + '\\n",\n',
    "capitals lost": lines(lambda line: line.replace("BEGIN CERTIFICATE", "Begin Certificate")),
    "padding lost": lines(lambda line: line.replace("=", "")),
    "old label": lines(lambda line: line.replace("CERTIFICATE", "X509 CERTIFICATE")),
    "headers": lambda text: text[0] + "\nComment: from a friend\n\n" + "\n".join(text[1:]) + "\n",
}


def _wrapped(text: list[str], columns: int) -> str:
    body = "".join(text[1:-1])
    wrapped = [body[at : at + columns] for at in range(0, len(body), columns)]
    return "\n".join([text[0], *wrapped, text[-1], ""])


def _padded(root: Issued, leaf: Issued) -> Issued:
    return next((made for made in (root, leaf) if b"=" in made.pem), root)


@pytest.mark.parametrize("what", MENDED)
def test_certain_damage_is_mended_and_noted(what: str, root: Issued, leaf: Issued) -> None:
    made = _padded(root, leaf)
    if what == "padding lost" and b"=" not in made.pem:
        made = _with_padding()
    text = made.pem.decode().splitlines()
    file = read(MENDED[what](text).encode())
    assert bundle(file.certificates) == made.pem
    assert file.mended
    assert all(note.message for note in file.mended)


def _with_padding() -> Issued:
    return next(made for made in (issue("x" * length) for length in range(1, 40)) if b"=" in made.pem)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_other_encodings_are_read_when_a_byte_order_mark_says_so(root: Issued, encoding: str) -> None:
    file = read(root.pem.decode().encode(encoding))
    assert bundle(file.certificates) == root.pem
    assert file.mended[0].line is None


def test_windows_1252_dashes_are_dashes(root: Issued) -> None:
    file = read(root.pem.replace(b"-----END", b"\x96END").replace(b"-----BEGIN", b"\x97BEGIN"))
    assert bundle(file.certificates) == root.pem


def test_undamaged_file_has_no_notes(root: Issued, leaf: Issued) -> None:
    assert read(root.pem + leaf.pem + leaf.key_as()).mended == ()


def test_note_names_the_line_of_the_en_dash(root: Issued) -> None:
    file = read(root.pem.replace(b"-----END", "–END".encode()))
    assert [note.line for note in file.mended] == [root.pem.count(b"\n")]


REFUSED: dict[str, tuple[Change, int | None, str]] = {
    "ellipsis for the body": (
        lambda text: f"{text[0]}\nMIIHY\u2026\n{EN}END CERTIFICATE-----\n",
        2,
        "ellipsis",
    ),
    "three dots for the body": (lambda text: f"{text[0]}\nMIIHY...\n{text[-1]}\n", 2, "ellipsis"),
    "three dots on a line of their own": (
        lambda text: "\n".join([*text[:3], "[...]", *text[-2:]]),
        4,
        "base64 text",
    ),
    "BEGIN misspelt": (
        lambda text: "\n".join(text).replace("BEGIN CERTIFICATE", "BEGIN CERTFICATE"),
        1,
        "BEGIN CERTIFICATE may be meant",
    ),
    "word BEGIN misspelt": (
        lambda text: "\n".join(text).replace("BEGIN", "BEGN"),
        1,
        "BEGIN CERTIFICATE may",
    ),
    "END misspelt": (
        lambda text: "\n".join(text).replace("END CERTIFICATE", "END CERTIFCATE"),
        -1,
        "END CERTIFICATE may be meant",
    ),
    "no END": (lambda text: "\n".join(text[:-1]), 1, "has no END line"),
    "no BEGIN": (lambda text: "\n".join(text[1:]), -2, "has no BEGIN line before it"),
    "no BEGIN and no END, among text": (
        lambda text: "\n".join(["Hello!", *text[1:-1]]),
        2,
        "without a BEGIN",
    ),
    "END of another kind": (
        lambda text: "\n".join([*text[:-1], "-----END PRIVATE KEY-----"]),
        -1,
        "wants its own END line",
    ),
    "second BEGIN before END": (
        lambda text: "\n".join([*text[:-1], *text]),
        -1,
        "before BEGIN CERTIFICATE of",
    ),
    "nothing between": (lambda text: f"{text[0]}\n{text[-1]}\n", 1, "nothing stands between"),
    "a line is missing": (lambda text: "\n".join([*text[:3], *text[4:]]), 1, "text is missing"),
    "a line stands twice": (lambda text: "\n".join([*text[:3], text[2], *text[3:]]), 1, "too much"),
    "one character is missing": (
        lambda text: "\n".join([*text[:3], text[3][1:], *text[4:]]),
        None,
        "breaks off|text is missing",
    ),
    "last line is cut": (lambda text: "\n".join([*text[:-2], text[-2][:1], text[-1]]), -2, "breaks off"),
    "foreign character": (
        lambda text: "\n".join([*text[:3], text[3][:9] + "!" + text[3][10:], *text[4:]]),
        4,
        r"EXCLAMATION MARK \(U\+0021\)",
    ),
    "dash in the body": (
        lambda text: "\n".join([*text[:3], text[3][:9] + EN + text[3][10:], *text[4:]]),
        4,
        r"EN DASH \(U\+2013\)",
    ),
    "base64url": (
        lambda text: "\n".join([*text[:3], text[3][:9] + "_" + text[3][10:], *text[4:]]),
        4,
        "base64url",
    ),
    "padding in the middle": (
        lambda text: "\n".join([*text[:2], text[2][:-1] + "=", *text[3:]]),
        3,
        "yet more of it follows",
    ),
    "content damaged": (
        lambda text: "\n".join([text[0], text[1][:8] + "/////////" + text[1][17:], *text[2:]]),
        1,
        "is in order, but",
    ),
    "beginning damaged": (lambda text: "\n".join([text[0], "A" + text[1][1:], *text[2:]]), 2, "beginning"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_damage_that_needs_a_guess_is_refused_with_its_line(what: str, root: Issued) -> None:
    change, line, message = REFUSED[what]
    text = root.pem.decode().splitlines()
    with pytest.raises(CredentialError, match=message) as caught:
        read(change(text).encode(), source="ca.pem")
    if line is not None:
        last = len(text) + 1
        assert f"ca.pem, line {last + line if line < 0 else line}:" in caught.value.message
    assert Reason.MALFORMED in caught.value.reasons
    assert caught.value.remedy


def test_one_damaged_certificate_among_good_ones_is_refused(root: Issued, leaf: Issued) -> None:
    damaged = leaf.pem.replace(b"-----END CERTIFICATE-----\n", b"")
    with pytest.raises(CredentialError, match="has its END line"):
        read(damaged + root.pem)


def test_utf_16_without_a_byte_order_mark_is_named_and_not_guessed(root: Issued) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(CredentialError, match="UTF-16"):
            read(root.pem.decode().encode(encoding))


@pytest.mark.parametrize(
    "data", [b"\xff\xfe-", b"\xfe\xff\xd8\x00\x00a", b"\xef\xbb\xbf\xff", b"\xff\xfe\x00\x00z"]
)
def test_byte_order_mark_that_the_content_belies_is_refused(data: bytes) -> None:
    with pytest.raises(CredentialError, match="byte order mark says"):
        read(data)


def test_base64_without_markers_is_read_when_its_content_is_whole(root: Issued) -> None:
    body = "\n".join(root.pem.decode().splitlines()[1:-1])
    assert bundle(read(body.encode()).certificates) == root.pem


@pytest.mark.parametrize(
    "text",
    [
        "- in the end certificate\n",
        "---\nServer certificate\n---- AND SO ON ----\n",
        "-- END OF CERTIFICATE STORE\n",
        "subject=CN = a\nissuer=CN = b\n",
    ],
)
def test_prose_is_not_taken_for_a_marker(root: Issued, text: str) -> None:
    assert len(read(text.encode() + root.pem + text.encode()).certificates) == 1
