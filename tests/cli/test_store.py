"""``cert``, ``profile`` and ``at``: what is in the modem."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import trustme

from modemtls.credentials.records import armour
from modemtls.sim.server import HttpsServer

from .tool import run, sim

URL = "https://server.test/"


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def large_key(form: str) -> bytes:
    """The form of an RSA key of 8192 bits: making a real one takes half a minute."""
    numbers = [b"\0", *(b"\x3f" * size for size in (1024, 3, 1024, 512, 512, 512, 512, 512))]
    key = der(0x30, b"".join(der(0x02, number) for number in numbers))
    label = "RSA PRIVATE KEY"
    if form.startswith("pkcs8"):
        rsa = bytes.fromhex("300d06092a864886f70d0101010500")
        key, label = der(0x30, b"\x02\x01\0" + rsa + der(0x04, key)), "PRIVATE KEY"
    return key if form.endswith("der") else armour(label, key)


def slots(*kinds: str) -> list[int]:
    wanted = kinds or ("cert", "ca")
    return [c["slot"] for c in run("cert", "list", "--json").json["credentials"] if c["kind"] in wanted]


def test_trust_says_where_and_whether_it_is_verified(modem: str, ca: str) -> None:
    ran = run("cert", "trust", ca)
    assert ran.status == 0
    assert ran.out.startswith("trusted: ")
    assert "ca in slot 19: stored, verified." in ran.out
    again = run("cert", "trust", ca, "--json").json
    assert (again["slot"], again["written"], again["certainty"]) == (19, False, "derived")


def test_trust_names_a_certificate_once(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    (tmp_path / "many.pem").write_bytes(another_ca.cert_pem.bytes() * 5)
    for more in ([], [str(tmp_path / "many.pem")]):
        ran = run("cert", "trust", str(tmp_path / "many.pem"), *more)
        assert ran.status == 0
        assert ran.out.count("trusted: ") == 1
    assert len(run("cert", "trust", str(tmp_path / "many.pem"), "--json").json["certificates"]) == 1


def test_what_was_there_already_is_not_said_to_be_taken_now(
    modem: str, tmp_path: Path, another_ca: trustme.CA
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(another_ca.issue_cert("x.test").private_key_pem.bytes())
    assert "unverified: the modem took it" in run("cert", "import", str(key)).out
    again = run("cert", "import", str(key)).out
    assert "already there" in again
    assert "unverified: it was there already; this modem does not show its content." in again
    assert "took it" not in again


def test_a_bundle_is_unverified_and_the_old_one_is_kept_until_a_handshake(
    modem: str, ca: str, wrong_ca: str
) -> None:
    assert run("cert", "trust", wrong_ca).status == 0
    ran = run("cert", "trust", ca, "--add")
    assert "unverified" in ran.out
    assert "kept: slot 19" in ran.out
    assert slots() == [0, 18, 19]
    assert run("request", URL).status == 0
    assert slots() == [0, 18]


def test_a_verified_one_replaces_the_old_one(modem: str, ca: str, wrong_ca: str) -> None:
    run("cert", "trust", wrong_ca)
    found = run("cert", "trust", ca, "--json").json
    assert (found["slot"], found["removed"], found["kept"]) == (18, [19], [])


def test_import_dry_run_and_remove(modem: str, ca: str) -> None:
    planned = run("cert", "import", ca, "--dry-run")
    assert "would be stored" in planned.out
    assert slots() == [0]
    done = run("cert", "import", ca, "--slot", "15", "--json").json
    assert (done["slot"], done["written"], done["dry_run"]) == (15, True, False)
    assert slots() == [0, 15]
    assert "nothing would be written" in run("cert", "import", ca, "--dry-run").out
    occupied = run("cert", "import", "--slot", "15", ca, "--kind", "cert")
    assert occupied.status == 0, "the same content is there already"
    removed = run("cert", "remove", "15", "--kind", "ca", "--json")
    assert removed.json == {"removed": 15, "kind": "ca", "named_by_profiles": []}
    assert slots() == [0]


def test_import_from_standard_input(modem: str, server: HttpsServer) -> None:
    assert run("cert", "import", "-", stdin=server.ca_pem).status == 0
    assert slots() == [0, 19]


def test_import_warns_of_what_may_fail(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    both = another_ca.issue_cert("x.test")
    (tmp_path / "both.pem").write_bytes(both.private_key_and_cert_chain_pem.bytes())
    ran = run("cert", "import", str(tmp_path / "both.pem"), "--kind", "cert")
    assert ran.status == 0
    assert "warning: " in ran.err
    assert "private key" in ran.err
    found = run("cert", "import", str(tmp_path / "both.pem"), "--kind", "cert", "--dry-run", "--json").json
    assert [warning["severity"] for warning in found["warnings"]] == ["warning"] * len(found["warnings"])
    assert found["warnings"]


def test_a_key_goes_to_the_keys(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    (tmp_path / "key.pem").write_bytes(another_ca.issue_cert("x.test").private_key_pem.bytes())
    ran = run("cert", "import", str(tmp_path / "key.pem"), "-vv")
    assert ran.status == 0
    assert ran.out.startswith("key in slot ")
    assert "PRIVATE KEY" not in ran.out + ran.err


def test_removing_what_a_profile_names_says_so(modem: str, ca: str) -> None:
    run("cert", "trust", ca)
    ran = run("cert", "remove", "19", "--kind", "ca", "--force")
    assert ran.status == 0
    assert "profile 6" in ran.err
    assert run("request", URL).status == 6


def test_what_a_profile_names_is_not_removed_without_force(modem: str, ca: str) -> None:
    run("cert", "trust", ca)
    ran = run("cert", "remove", "19", "--kind", "ca")
    assert ran.status == 6
    assert "profile 6" in ran.err
    assert "--force" in ran.err
    assert 19 in slots()
    assert run("request", URL).status == 0
    forced = run("cert", "remove", "19", "--kind", "ca", "--force", "--json")
    assert forced.json == {"removed": 19, "kind": "ca", "named_by_profiles": [6]}
    assert 19 not in slots()


def test_expires_within(modem: str, tmp_path: Path, another_ca: trustme.CA) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=45)
    (tmp_path / "soon.pem").write_bytes(
        another_ca.issue_cert("x.test", not_after=soon).cert_chain_pems[0].bytes()
    )
    run("cert", "import", str(tmp_path / "soon.pem"), "--kind", "cert", "--slot", "12")
    assert [
        c["slot"] for c in run("cert", "list", "--expires-within", "60d", "--json").json["credentials"]
    ] == [12]
    none = run("cert", "list", "--expires-within", "30d")
    assert none.status == 0
    assert len(none.out.splitlines()) == 1
    assert "slot 0" in none.err, "the modem shows no end for that one"


def test_a_certificate_cannot_write_on_the_terminal(modem: str, tmp_path: Path) -> None:
    evil = trustme.CA(organization_name="a\x1b[2Jb\u202ec")
    (tmp_path / "evil.pem").write_bytes(evil.cert_pem.bytes())
    for args in (("cert", "lint"), ("cert", "trust")):
        ran = run(*args, str(tmp_path / "evil.pem"))
        assert "\x1b" not in ran.out + ran.err
        assert "\u202e" not in ran.out + ran.err
    listed = run("cert", "list")
    assert "\x1b" not in listed.out


def test_lint_of_a_good_file_is_0(tmp_path: Path, another_ca: trustme.CA) -> None:
    good = tmp_path / "good.pem"
    good.write_bytes(another_ca.cert_pem.bytes())
    ran = run("cert", "lint", str(good), "--model", "sequans-gm02s")
    assert ran.status == 0
    assert "Nothing is wrong with it." in ran.out
    found = run("cert", "lint", "-", "--json", stdin=good.read_bytes()).json
    assert found["findings"] == []
    assert found["certificates"][0]["is_ca"] is True


@pytest.mark.parametrize("form", ["pkcs8-pem", "pkcs1-pem", "pkcs8-der", "pkcs1-der"])
def test_lint_of_a_key_that_is_larger_than_any_modem_takes(tmp_path: Path, form: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(large_key(form))
    ran = run("cert", "lint", str(file), "--json")
    assert ran.status == 6
    error = ran.error
    assert error["reasons"] == ["too-large"]
    assert "private key" in error["message"]
    assert "no known modem takes" in error["message"]
    assert "EC key" in error["remedy"]
    assert "copying" not in error["remedy"]


def test_lint_notes_alone_are_0(tmp_path: Path, another_ca: trustme.CA) -> None:
    pem = another_ca.cert_pem.bytes().replace(b"-----END", b"\xe2\x80\x93END")
    ran = run("cert", "lint", "-", "--json", stdin=pem)
    assert {finding["severity"] for finding in ran.json["findings"]} == {"note"}
    assert ran.status == 0


def test_lint_by_a_models_limits(tmp_path: Path) -> None:
    many = b"".join(trustme.CA(organization_name=f"CA {n}").cert_pem.bytes() for n in range(16))
    assert run("cert", "lint", "-", stdin=many).status == 0
    ran = run("cert", "lint", "-", "--model", "sequans-gm02s", "--json", stdin=many)
    assert ran.status == 13
    assert [finding["reason"] for finding in ran.json["findings"]] == ["too-large"]
    assert run("cert", "lint", "-", "--model", "nope", stdin=many).status == 7


def test_a_mistake_made_by_hand_is_named_everywhere_and_cured(
    modem: str, server: HttpsServer, ca: str
) -> None:
    """The story of somebody with error 77: the certificate in slot 19, and a 7 where 1 or 5 was meant."""
    size = Path(ca).stat().st_size
    assert run("at", f'AT+SQNSNVW="certificate",19,{size}', "--data", f"@{ca}").status == 0
    assert run("network", "up").status == 0
    wrong = run("at", 'AT+SQNSPCFG=1,2,"",7,19')
    assert wrong.status == 0
    assert wrong.out.splitlines()[-1] == "OK"

    shown = run("profile", "show")
    assert shown.status == 0
    assert "error: certValidLevel 7 in security profile 1 is illegal" in shown.out
    assert "try: " in shown.out

    options = ("request", URL, "--profile", "1", "--http", "modem")
    failed = run(*options)
    assert failed.status == 9
    assert "certValidLevel 7 in security profile 1 is illegal" in failed.err
    assert "said: +SQNHTTPCONNECT: 2,77" in failed.err
    assert "code: http 77" in failed.err
    assert run(*options, "--json").error["reasons"] == ["profile-illegal"]

    assert run("at", 'AT+SQNSPCFG=1,2,"",1,19').status == 0
    assert run(*options).out == "Hello from modemtls.\n"
    assert run("profile", "show", "1", "--json").json["profiles"][0]["findings"] == []


def test_a_profile_as_it_stands_that_verifies_nothing_wants_insecure_too(modem: str, ca: str) -> None:
    run("cert", "import", ca, "--slot", "19")
    run("at", 'AT+SQNSPCFG=1,2,"",0,19')
    assert run("request", URL, "--profile", "1").status == 6
    ran = run("request", URL, "--profile", "1", "--insecure")
    assert ran.status == 0
    assert "warning" in ran.err


def test_profile_show_json_and_reset(modem: str, ca: str) -> None:
    assert "No security profile" in run("profile", "show").out
    run("cert", "trust", ca)
    found = run("profile", "show", "6", "--json").json
    assert found["owned_profile"] == 6
    assert found["profiles"][0]["checks"] == ["chain", "dates", "hostname"]
    assert found["profiles"][0]["fields"]["caCertificateID"] == "19"
    assert run("profile", "reset", "6", "--json").json == {"reset": 6}
    assert run("profile", "show", "--json").json["profiles"] == []


def test_at_shows_events_and_explains_their_codes(modem: str, server: HttpsServer, ca: str) -> None:
    run("cert", "import", ca, "--slot", "19")
    run("at", 'AT+SQNSPCFG=1,2,"",7,19')
    commands = ("AT+CFUN=1", 'AT+SQNHTTPCFG=1,"server.test",443,0,"","",1,120,1,1')
    first = run("at", *commands, "--wait", "10")
    assert first.status == 0
    assert "+CEREG: " in first.out
    port = sim(state=modem.split("state=")[1].split("&")[0], map=f"server.test:443=127.0.0.1:{server.port}")
    ran = run("at", *commands, "AT+CEREG?", "AT+SQNHTTPCONNECT=1", "--wait", "10", "--json", "--port", port)
    events = {event["line"]: event["explanation"] for event in ran.json["events"]}
    coded = [line for line in events if line.startswith("+SQNHTTPCONNECT: 1,")]
    assert coded
    assert events[coded[0]]["namespace"] == "http"


def test_at_hides_secrets(modem: str) -> None:
    ran = run("at", 'AT+SQNSPCFG=2,2,"",5,19,,,"00112233445566778899","identity"', "-vv", "--json")
    assert "00112233445566778899" not in ran.out + ran.err


def test_at_explains_a_refusal_in_place(modem: str) -> None:
    ran = run("at", "AT", "AT+FOO", "AT+CGMM")
    assert ran.status == 5
    lines = ran.out.splitlines()
    assert lines[:2] == ["OK", "+CME ERROR: 4"]
    assert "the modem's catch-all" in lines[2]
    assert "GM02S" not in ran.out, "the first refusal ends it"


@pytest.mark.parametrize("wait", ["0", "0.1"])
def test_at_does_not_wait_longer_than_it_should(modem: str, wait: str) -> None:
    assert run("at", "AT", "--wait", wait).out == "OK\n"
