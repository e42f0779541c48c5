"""``cert plan``: what the modem must hold for a server, shown, written and applied."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.diagnose.authority import HOST, root, view

from modemtls import find_model
from modemtls.cli.plan import plan_object, show_plan
from modemtls.planning import trust_plan
from modemtls.sim.server import HttpsServer

from .tool import MODEL, run, sim

URL = "https://server.test/"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Planned root")


@pytest.fixture(scope="module")
def issuer(authority: trustme.CA) -> trustme.CA:
    return authority.create_child_ca()


@pytest.fixture(scope="module")
def leaf(issuer: trustme.CA) -> trustme.LeafCert:
    return issuer.issue_cert("server.test", "127.0.0.1")


@pytest.fixture(scope="module")
def planned(authority: trustme.CA, leaf: trustme.LeafCert) -> Iterator[HttpsServer]:
    with HttpsServer(ca=authority, credential_pem=leaf.private_key_and_cert_chain_pem.bytes()) as running:
        yield running


@pytest.fixture
def roots(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "root.pem"))
    return str(tmp_path / "root.pem")


@pytest.fixture
def chain(leaf: trustme.LeafCert, tmp_path: Path) -> str:
    path = tmp_path / "chain.pem"
    path.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    return str(path)


def planning(chain: str, *more: str, model: str = MODEL) -> list[str]:
    return ["cert", "plan", URL, "--server-chain", chain, "--model", model, *more]


def test_plan_by_a_given_root_shows_what_to_hold_and_what_to_type(chain: str, roots: str) -> None:
    ran = run(*planning(chain, "--roots", roots))
    assert "What sequans-gm02s must hold:" in ran.out
    assert "Planned root" in ran.out
    assert "root\tone that you gave" in ran.out
    assert "of 8192 that a slot takes" in ran.out
    assert f"  modemtls cert trust {roots}\n" in ran.out
    assert f"  modemtls request {URL}\n" in ran.out


def test_plan_without_a_root_is_unverified_and_imports_nothing(chain: str) -> None:
    ran = run(*planning(chain))
    assert ran.status == 13
    assert "UNVERIFIED" in ran.out
    assert "To be fetched by you: the certificate OU=Testing CA" in ran.out
    assert "its key identifier: " in ran.out
    assert "cert trust" not in ran.out.partition("What ends when:")[2].partition("Type:")[2]
    found = run(*planning(chain), "--json").json
    assert (found["ready"], found["verified"], found["commands"]) == (False, False, [])
    assert found["wanted"][0]["key_identifier"]


def test_plan_that_needs_more_than_the_given_file_says_how_to_write_it(
    chain: str, roots: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = planning(chain, "--roots", roots, model="sequans-gm02sp")
    first, second, third = run(*command, "--json").json["commands"]
    assert first.startswith("modemtls cert plan https://server.test/ --model sequans-gm02sp --server-chain ")
    assert (second, third) == ("modemtls cert trust trust.pem", f"modemtls request {URL}")
    again = run(*first.split()[1:])
    assert "  modemtls cert trust trust.pem\n" in again.out
    assert (tmp_path / "trust.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 2


def test_nothing_is_written_for_a_plan_that_is_not_ready(chain: str, wrong_ca: str, tmp_path: Path) -> None:
    target = tmp_path / "out.pem"
    ran = run(*planning(chain, "--roots", wrong_ca, "-o", str(target)))
    assert ran.status == 13
    assert not target.exists()
    assert "error: " in ran.out, "it says why the given root does not fit"


def test_plan_from_host_looks_at_the_server_and_trusts_nothing(planned: HttpsServer, roots: str) -> None:
    url = f"https://127.0.0.1:{planned.port}/"
    found = run("cert", "plan", url, "--from-host", "--model", MODEL, "--json").json
    assert (found["seen_from"], found["verified"]) == ("this computer's own network", False)
    assert len(found["path"]) == 2
    found = run("cert", "plan", url, "--from-host", "--model", MODEL, "--roots", roots, "--json").json
    assert (found["verified"], found["ready"]) == (True, True)
    assert found["commands"][-1] == f"modemtls request {url}"


def test_plan_from_host_says_when_nobody_is_there() -> None:
    ran = run("cert", "plan", "https://127.0.0.1:1/", "--from-host", "--model", MODEL)
    assert ran.status == 8
    assert "Looking at 127.0.0.1:1 from this computer showed no certificate" in ran.err
    assert "--server-chain" in ran.err


def test_plan_from_host_says_when_it_is_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(65_536)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        ran = run("cert", "plan", url, "--from-host", "--model", MODEL, "--json")
        thread.join(10)
    assert ran.status == 9
    assert ran.error["reasons"] == ["not-tls"]


@pytest.mark.parametrize("model", ["sequans-gm02s", "sequans-gm02sp"])
def test_applied_plan_makes_the_request_work(
    model: str, planned: HttpsServer, chain: str, roots: str, tmp_path: Path
) -> None:
    port = sim(model, state=tmp_path / "modem.json", map=f"server.test:443=127.0.0.1:{planned.port}")
    found = run(
        "cert", "plan", URL, "--server-chain", chain, "--roots", roots, "--apply", "--port", port, "--json"
    ).json
    assert found["model"] == model
    assert found["applied"]["written"] is True
    assert len(found["needed"]) == (1 if model == "sequans-gm02s" else 2)
    assert run("request", "--port", port, URL).status == 0


def test_applied_plan_may_extend_what_is_trusted(
    modem: str, ca: str, chain: str, roots: str, planned: HttpsServer
) -> None:
    assert run("cert", "trust", ca).status == 0
    ran = run("cert", "plan", URL, "--server-chain", chain, "--roots", roots, "--apply", "--add")
    assert "ca in slot 18: stored" in ran.out
    assert run("request", URL).status == 0, "the server that was trusted before"


def test_apply_without_a_root_opens_no_port(chain: str) -> None:
    ran = run("cert", "plan", URL, "--server-chain", chain, "--apply", "--port", "/dev/there-is-none")
    assert ran.status == 2
    assert "what a server sends proves nothing" in ran.err
    assert "--roots FILE" in ran.err


def test_plan_that_would_fail_is_not_applied(modem: str, chain: str, wrong_ca: str) -> None:
    ran = run("cert", "plan", URL, "--server-chain", chain, "--roots", wrong_ca, "--apply")
    assert ran.status == 13
    slots = [each["slot"] for each in run("cert", "list", "--json").json["credentials"]]
    assert slots == [0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((URL, "--model", MODEL), "--from-host"),
        ((URL, "--model", MODEL, "--from-host", "--server-chain", "x"), "from one place"),
        ((URL, "--from-host"), "--model NAME"),
        (("http://server.test/", "--model", MODEL, "--from-host"), "only https://"),
        ((URL, "--model", MODEL, "--from-host", "--add"), "--apply"),
        ((URL, "--from-host", "--apply", "--roots", "x"), "No port is given"),
        ((URL, "--model", MODEL, "--server-chain", "there-is-none"), "there-is-none"),
    ],
)
def test_what_cannot_be_planned_is_said_before_anything_is_done(args: tuple[str, ...], words: str) -> None:
    ran = run("cert", "plan", *args)
    assert ran.status == 2
    assert words in ran.err


def test_settings_of_the_port_name_the_model_and_what_it_may_leave_out(
    chain: str, roots: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("modemtls.toml").write_text('[port."/dev/ttyUSB9"]\nmodel = "sequans-gm02sp"\n', "utf-8")
    found = run(
        "cert", "plan", URL, "--server-chain", chain, "--roots", roots, "--port", "/dev/ttyUSB9", "--json"
    ).json
    assert found["model"] == "sequans-gm02sp"


def test_unknown_model_is_named(chain: str) -> None:
    assert run(*planning(chain, model="nope")).status == 7


def test_hostile_names_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = root("A\x1b[31m\u202eroot")
    seen = view(evil.issue("x\x9b2J", names=[HOST]), evil)
    made = trust_plan(HOST, seen, model=MODEL, roots=evil.pem)
    show_plan(made)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "root" in shown
    assert plan_object(made)["model"] == find_model(MODEL).name
