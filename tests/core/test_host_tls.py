"""TLS on this computer over a modem's plain TCP: what is verified, what is refused, what is never sent."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

import modemtls
from modemtls import (
    Certainty,
    CertificateError,
    Check,
    CredentialError,
    Gap,
    HttpError,
    Modem,
    ModemError,
    NetworkError,
    Psk,
    Reason,
    TlsError,
    TlsVersion,
    Unsupported,
    VerifyPolicy,
)
from modemtls.https import host_tls
from modemtls.sim import PtyServer
from modemtls.sim.server import HttpsServer, pattern
from modemtls_sequans.simulator import Gm02s

from .bench import LyingServer, Tap, commands, opened, opened_async, restart, url

STRICT = VerifyPolicy()
INSECURE = VerifyPolicy.insecure()
DAY = timedelta(days=1)
KIND = trustme.KeyType.ECDSA
CLIENT_CA = trustme.CA(organization_name="Clients", key_type=KIND)


@pytest.fixture
def modem(server: HttpsServer) -> Iterator[Modem]:
    with opened(server, server) as modem:
        yield modem


def touched(modem: Modem | modemtls.AsyncModem) -> list[str]:
    """The commands that read or write the modem's credential store or a security profile."""
    return [line for line in commands(modem) if line.startswith(("AT+SQNSNV", "AT+SQNSPCFG"))]


@contextmanager
def refused(modem: Modem, ca: bytes, policy: VerifyPolicy = STRICT) -> Iterator[list[TlsError]]:
    """A GET that fails in TLS; gives the error."""
    found: list[TlsError] = []
    with pytest.raises(TlsError) as caught:
        modem.https("one.test", tls="host", ca=ca, policy=policy).get("/")
    found.append(caught.value)
    yield found
    assert touched(modem) == []


# It works.


def test_get_post_and_a_megabyte(server: HttpsServer, modem: Modem) -> None:
    with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
        assert session.tls == "host"
        response = session.get("/")
        assert (response.body, response.tls, response.http) == (b"Hello from modemtls.\n", "host", "stream")
        connections = len(server.handshakes)
        assert session.get("/bytes/1000000").body == pattern(1_000_000)
        assert session.post("/echo", pattern(100_000)).body == pattern(100_000)
        assert session.get("/chunked/50000").body == pattern(50_000)
        assert len(server.handshakes) == connections, "one connection is enough"
    assert server.handshakes[-1].version == "TLSv1.3"
    assert server.handshakes[-1].server_name == "one.test"
    assert touched(modem) == []


def test_tls_in_the_modem_is_what_happens_unless_the_host_is_asked_for(
    server: HttpsServer, modem: Modem
) -> None:
    assert modem.tls == "modem"
    modem.trust(server.ca_pem)
    with modem.https("one.test") as session:
        assert session.get("/").tls == session.tls == "modem"


def test_streamed_body_and_where_its_tls_runs(server: HttpsServer, modem: Modem) -> None:
    with (
        modem.https("one.test", tls="host", ca=server.ca_pem) as session,
        session.stream("GET", "/bytes/100000") as response,
    ):
        assert response.tls == "host"
        parts = list(response.iter_bytes())
        assert b"".join(parts) == pattern(100_000)
        assert len(parts) > 3


def test_on_asyncio(server: HttpsServer) -> None:
    async def main() -> None:
        async with await opened_async(server) as modem:
            async with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
                assert session.tls == "host"
                assert (await session.get("/bytes/1000000")).body == pattern(1_000_000)
                async with session.stream("POST", "/echo", body=pattern(20_000)) as response:
                    assert response.tls == "host"
                    assert await response.read() == pattern(20_000)
            assert touched(modem) == []

    asyncio.run(main())


def test_on_a_pseudo_terminal(server: HttpsServer) -> None:
    simulator = Gm02s(registration_delay=0.1, map=f"one.test:443=127.0.0.1:{server.port}")
    with PtyServer(simulator) as line, modemtls.open(line.path, tls="host") as modem:
        session = modem.https("one.test", ca=server.ca_pem)
        assert session.get("/bytes/1000000").body == pattern(1_000_000)
        with pytest.raises(CertificateError):
            modem.https("one.test", ca=CLIENT_CA.cert_pem.bytes()).get("/")


def test_server_that_speaks_tls_1_3_only_which_the_modem_by_default_cannot() -> None:
    with HttpsServer(names=("one.test",), tls_min=TlsVersion.TLS1_3) as new, opened(new) as modem:
        modem.trust(new.ca_pem)
        with pytest.raises(TlsError):
            modem.https("one.test", tls="modem").get("/")
        assert modem.https("one.test", tls="host", ca=new.ca_pem).get("/").status == 200
        assert new.handshakes[-1].version == "TLSv1.3"


def test_address_instead_of_a_name() -> None:
    with HttpsServer(names=("127.0.0.1",)) as server:
        leads = f"127.0.0.1:443=127.0.0.1:{server.port}"
        with modemtls.open(f"sim://sequans-gm02s?map={leads}") as modem:
            assert modem.https("127.0.0.1", tls="host", ca=server.ca_pem).get("/").status == 200
            assert server.handshakes[-1].server_name is None
    with HttpsServer(names=("one.test",)) as server:
        leads = f"127.0.0.1:443=127.0.0.1:{server.port}"
        with (
            modemtls.open(f"sim://sequans-gm02s?map={leads}") as modem,
            pytest.raises(CertificateError) as caught,
        ):
            modem.https("127.0.0.1", tls="host", ca=server.ca_pem).get("/")
        assert caught.value.verify_code == 64
        assert caught.value.reasons == {Reason.HOSTNAME_MISMATCH}


def test_sessions_by_host_and_modem_side_by_side(server: HttpsServer, modem: Modem) -> None:
    modem.trust(server.ca_pem)
    by_host = modem.https("one.test", tls="host")
    by_modem = modem.https("two.test", tls="modem")
    for _ in range(2):
        assert (by_host.get("/").tls, by_modem.get("/").tls) == ("host", "modem")


def test_several_threads(server: HttpsServer, modem: Modem) -> None:
    results: list[bool] = []

    def work() -> None:
        with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
            results.append(session.get("/bytes/30000").body == pattern(30_000))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 3


# What is verified.


def test_ca_that_did_not_issue_the_certificate(server: HttpsServer, stranger: HttpsServer) -> None:
    with opened(stranger) as modem, refused(modem, server.ca_pem) as errors:
        (error,) = errors
        assert isinstance(error, CertificateError)
        assert error.verify_code in (19, 20)
        assert Reason.UNKNOWN_ISSUER in error.reasons
        assert error.certainty is Certainty.STATED
        assert error.model == "sequans-gm02s"
        assert "this computer" in error.message


def test_certificate_for_another_name() -> None:
    with (
        HttpsServer(names=("two.test", "*.one.test")) as server,
        opened(server) as modem,
        refused(modem, server.ca_pem) as (error,),
    ):
        assert isinstance(error, CertificateError)
        assert (error.verify_code, error.reasons) == (62, frozenset({Reason.HOSTNAME_MISMATCH}))
        assert error.verify_message is not None
        assert "one.test" in error.verify_message


@pytest.mark.parametrize(
    ("before", "after", "code", "reason"),
    [(-30, -1, 10, Reason.EXPIRED), (1, 30, 9, Reason.NOT_YET_VALID)],
    ids=["expired", "not yet"],
)
def test_dates_are_judged_by_this_computers_clock(before: int, after: int, code: int, reason: Reason) -> None:
    now = datetime.now(UTC)
    with (
        HttpsServer(
            names=("one.test",), not_before=now + before * DAY, not_after=now + after * DAY
        ) as server,
        opened(server) as modem,
    ):
        modem.clock.set(now + (before + after) / 2 * DAY)  # by this clock it is valid
        with refused(modem, server.ca_pem) as (error,):
            assert isinstance(error, CertificateError)
            assert (error.verify_code, error.reasons) == (code, frozenset({reason}))
            assert "this computer's clock" in error.message
        for checks in ({Check.CHAIN, Check.HOSTNAME}, {Check.CHAIN}):
            policy = VerifyPolicy(checks=frozenset(checks))
            session = modem.https("one.test", tls="host", ca=server.ca_pem, policy=policy)
            assert session.get("/").status == 200
            with refused(modem, CLIENT_CA.cert_pem.bytes(), policy) as (error,):
                assert Reason.UNKNOWN_ISSUER in error.reasons, "the chain is still checked"


def test_clock_of_the_modem_does_not_matter(server: HttpsServer, modem: Modem) -> None:
    modem.clock.set(datetime(1998, 1, 1, tzinfo=UTC))
    assert modem.https("one.test", tls="host", ca=server.ca_pem).get("/").status == 200


def test_name_unchecked_only_as_the_policy_says(server: HttpsServer) -> None:
    with HttpsServer(names=("two.test",), ca=server.ca) as other, opened(other) as modem:
        policy = VerifyPolicy(checks=frozenset({Check.CHAIN, Check.DATES}))
        assert modem.https("one.test", tls="host", ca=server.ca_pem, policy=policy).get("/").status == 200
        with refused(modem, CLIENT_CA.cert_pem.bytes(), policy):
            pass
        accepting = VerifyPolicy(accept_gaps=frozenset({Gap.HOSTNAME}))
        with refused(modem, server.ca_pem, accepting) as (error,):
            assert error.reasons == {Reason.HOSTNAME_MISMATCH}, "a gap counts only where there is one"


@pytest.mark.parametrize("checks", [{Check.DATES}, {Check.HOSTNAME}, {Check.DATES, Check.HOSTNAME}])
def test_checks_without_a_chain_prove_nothing_and_are_refused(modem: Modem, checks: set[Check]) -> None:
    with pytest.raises(Unsupported, match="this computer") as caught:
        modem.https("one.test", tls="host", policy=VerifyPolicy(checks=frozenset(checks)))
    assert caught.value.reasons == {Reason.NOT_SUPPORTED}


def test_insecure_needs_no_trust_set_and_is_the_only_way_to_verify_nothing(stranger: HttpsServer) -> None:
    with opened(stranger) as modem:
        assert modem.https("one.test", tls="host", policy=INSECURE).get("/").status == 200
        with pytest.raises(CredentialError) as caught:
            modem.https("one.test", tls="host").get("/")
        assert caught.value.reasons == {Reason.NO_TRUST_ANCHOR}


def test_common_name_is_no_name(forged: bytes, forger_pem: bytes) -> None:
    with (
        HttpsServer(credential_pem=forged) as server,
        opened(server) as modem,
        refused(modem, forger_pem) as (error,),
    ):
        assert error.reasons == {Reason.HOSTNAME_MISMATCH}


@pytest.fixture
def forger_pem() -> bytes:
    return CLIENT_CA.cert_pem.bytes()


@pytest.fixture
def forged() -> bytes:
    """A certificate whose only name is its common name, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(CLIENT_CA.cert_pem.bytes())
    signer = serialization.load_pem_private_key(CLIENT_CA.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "one.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_certificates_of_the_operating_system_are_not_trusted(
    server: HttpsServer, modem: Modem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.pem").write_bytes(server.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    with refused(modem, CLIENT_CA.cert_pem.bytes()):
        pass


def test_intermediate_that_is_trusted_by_itself_is_an_anchor() -> None:
    root = trustme.CA(key_type=KIND)
    middle = root.create_child_ca(key_type=KIND)
    with HttpsServer(names=("one.test",), ca=middle) as server, opened(server) as modem:
        for ca in (root, middle):
            assert modem.https("one.test", tls="host", ca=ca.cert_pem.bytes()).get("/").status == 200


def test_leaf_is_no_anchor(server: HttpsServer, modem: Modem) -> None:
    leaf = server.ca.issue_cert("one.test").cert_chain_pems[0].bytes()
    with pytest.raises(CredentialError) as caught:
        modem.https("one.test", tls="host", ca=leaf)
    assert caught.value.reasons == {Reason.LEAF_AS_ANCHOR}


# Versions, suites, names.


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [TlsVersion.TLS1_0, TlsVersion.TLS1_1])
def test_old_server_is_refused_by_the_policy(version: TlsVersion) -> None:
    with HttpsServer(names=("one.test",), tls_max=version, tls_min=version) as old, opened(old) as modem:
        with refused(modem, old.ca_pem) as (error,):
            assert Reason.UNSUPPORTED_VERSION in error.reasons
            assert not isinstance(error, CertificateError)
        with pytest.raises(Unsupported, match=r"a minimum of TLS 1\.0"):
            modem.https("one.test", tls="host", policy=VerifyPolicy(minimum_version=TlsVersion.TLS1_0))


def test_versions_are_bounds(server: HttpsServer, modem: Modem) -> None:
    for policy, spoken in (
        (VerifyPolicy(maximum_version=TlsVersion.TLS1_2), "TLSv1.2"),
        (VerifyPolicy(minimum_version=TlsVersion.TLS1_3), "TLSv1.3"),
    ):
        assert modem.https("one.test", tls="host", ca=server.ca_pem, policy=policy).get("/").status == 200
        assert server.handshakes[-1].version == spoken
    new_only = VerifyPolicy(minimum_version=TlsVersion.TLS1_3)
    with (
        HttpsServer(names=("one.test",), tls_max=TlsVersion.TLS1_2) as old,
        opened(old) as other,
        refused(other, old.ca_pem, new_only) as (error,),
    ):
        assert error.reasons == {Reason.UNSUPPORTED_VERSION}


def test_cipher_suites_by_their_numbers() -> None:
    for suite, name in ((0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"), (0xC030, "ECDHE-RSA-AES256-GCM-SHA384")):
        policy = VerifyPolicy(cipher_suites=(suite,))
        ca = trustme.CA()
        with HttpsServer(names=("one.test",), ca=ca, credential_pem=_rsa(ca)) as rsa, opened(rsa) as modem:
            assert modem.https("one.test", tls="host", ca=rsa.ca_pem, policy=policy).get("/").status == 200
            assert (rsa.handshakes[-1].cipher, rsa.handshakes[-1].version) == (name, "TLSv1.2")


def _rsa(ca: trustme.CA) -> bytes:
    return ca.issue_cert("one.test", key_type=trustme.KeyType.RSA).private_key_and_cert_chain_pem.bytes()


def test_no_common_cipher_suite() -> None:
    ca = trustme.CA()
    with (
        HttpsServer(ca=ca, credential_pem=_rsa(ca)) as rsa,
        opened(rsa) as modem,
        refused(modem, rsa.ca_pem, VerifyPolicy(cipher_suites=(0xC02B,))) as (error,),
    ):
        assert Reason.NO_COMMON_CIPHER in error.reasons


def test_unknown_suite_is_refused_before_a_byte_is_sent(modem: Modem) -> None:
    tap = Tap(modem)
    with pytest.raises(Unsupported, match="0x0001"):
        modem.https("one.test", tls="host", policy=VerifyPolicy(cipher_suites=(0x0001, 0xC02B)))
    assert tap.sent == b""


def test_suites_of_tls_1_3_one_by_one_or_together(server: HttpsServer, modem: Modem) -> None:
    suites = tuple(host_tls._suites_of_1_3())
    session = modem.https("one.test", tls="host", ca=server.ca_pem, policy=VerifyPolicy(cipher_suites=suites))
    assert session.get("/").status == 200
    assert server.handshakes[-1].version == "TLSv1.3"
    if not hasattr(ssl.SSLContext, "set_ciphersuites"):
        with pytest.raises(Unsupported, match="all together") as caught:
            modem.https("one.test", tls="host", policy=VerifyPolicy(cipher_suites=(0x1301,)))
        assert caught.value.remedy is not None
        assert "options" not in caught.value.remedy


def test_server_name_is_sent_and_verified(server: HttpsServer) -> None:
    with HttpsServer(names=("inner.test",), ca=server.ca) as inner, opened(inner) as modem:
        policy = VerifyPolicy(server_name="inner.test")
        assert modem.https("one.test", tls="host", ca=server.ca_pem, policy=policy).get("/").status == 200
        assert inner.handshakes[-1].server_name == "inner.test"
        with refused(modem, server.ca_pem, VerifyPolicy(server_name="one.test")) as (error,):
            assert error.reasons == {Reason.HOSTNAME_MISMATCH}
        with pytest.raises(ValueError, match="host name"):
            modem.https("one.test", tls="host", policy=VerifyPolicy(server_name="no name"))


# The client's certificate.


@pytest.fixture
def strict() -> Iterator[HttpsServer]:
    """A server that lets in clients of its own CA only."""
    with HttpsServer(names=("one.test",), client_ca=CLIENT_CA) as running:
        yield running


def _pair(ca: trustme.CA = CLIENT_CA) -> tuple[bytes, bytes]:
    issued = ca.issue_cert("device.test", key_type=KIND)
    return b"".join(pem.bytes() for pem in issued.cert_chain_pems), issued.private_key_pem.bytes()


def test_client_certificate_is_shown_and_never_stored(
    strict: HttpsServer, tmp_path: Path, own_surroundings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chain, key = _pair()
    (tmp_path / "key.pem").write_bytes(key)
    with opened(strict) as modem:
        session = modem.https(
            "one.test", tls="host", ca=strict.ca_pem, certificate=chain, key=tmp_path / "key.pem"
        )
        assert session.get("/").status == 200
        assert strict.handshakes[-1].client_certificate is not None
        assert touched(modem) == []
    secret = key.split(b"\n")[1]
    assert secret.decode() not in caplog.text
    kept = [path for path in own_surroundings.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_client_certificate_that_is_missing_or_of_another_ca(version: TlsVersion) -> None:
    with (
        HttpsServer(names=("one.test",), client_ca=CLIENT_CA, tls_min=version, tls_max=version) as strict,
        opened(strict) as modem,
    ):
        with refused(modem, strict.ca_pem) as (error,):
            assert Reason.CLIENT_CERTIFICATE_MISSING in error.reasons
            assert error.remedy is not None
        chain, key = _pair(trustme.CA(key_type=KIND))
        with pytest.raises(TlsError) as caught:
            modem.https("one.test", tls="host", ca=strict.ca_pem, certificate=chain, key=key).get("/")
        assert caught.value.reasons == {Reason.CLIENT_CERTIFICATE_REFUSED}


def test_key_that_is_encrypted_or_of_another_certificate_or_missing(modem: Modem) -> None:
    chain, _ = _pair()
    _, other = _pair()
    with pytest.raises(CredentialError) as caught:
        modem.https("one.test", tls="host", ca=modem_ca(), certificate=chain, key=other)
    assert caught.value.reasons == {Reason.KEY_MISMATCH}
    with pytest.raises(CredentialError) as caught:
        modem.https("one.test", tls="host", ca=modem_ca(), certificate=chain, key=_encrypted())
    assert caught.value.reasons == {Reason.KEY_ENCRYPTED}
    with pytest.raises(CredentialError) as caught:
        modem.https("one.test", tls="host", ca=modem_ca(), certificate=chain, key=chain)
    assert caught.value.reasons == {Reason.INVALID_PARAMETER}
    for certificate, key in ((chain, None), (None, other)):
        with pytest.raises(ValueError, match="both, or neither"):
            modem.https("one.test", tls="host", certificate=certificate, key=key)


def modem_ca() -> bytes:
    return CLIENT_CA.cert_pem.bytes()


def _encrypted() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_key_leaves_no_file_behind(
    strict: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_memory_files: bool
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not has_memory_files:
        monkeypatch.delattr("os.memfd_create", raising=False)
    chain, key = _pair()
    with opened(strict) as modem:
        session = modem.https("one.test", tls="host", ca=strict.ca_pem, certificate=chain, key=key)
        assert session.get("/").status == 200
    assert list(tmp_path.iterdir()) == []


# Resumption.


@pytest.mark.parametrize("version", [TlsVersion.TLS1_2, TlsVersion.TLS1_3])
def test_session_is_resumed_when_the_policy_says_so(version: TlsVersion) -> None:
    with (
        HttpsServer(names=("one.test",), tls_min=version, tls_max=version) as server,
        opened(server) as modem,
    ):
        for wanted in (True, False):
            session = modem.https(
                "one.test", tls="host", ca=server.ca_pem, policy=VerifyPolicy(resumption=wanted)
            )
            for _ in range(3):
                assert session.get("/", headers={"Connection": "close"}).status == 200
            assert [shake.resumed for shake in server.handshakes[-3:]] == [False, wanted, wanted]


def test_change_of_the_trust_set_ends_resumption(server: HttpsServer) -> None:
    with opened(server, given={"tls": "host"}) as modem:
        modem.trust(server.ca_pem)
        session = modem.https("one.test", policy=VerifyPolicy(resumption=True))
        assert session.get("/", headers={"Connection": "close"}).status == 200
        modem.trust(CLIENT_CA.cert_pem.bytes())
        with pytest.raises(CertificateError):
            session.get("/")


# Where it cannot run.


def test_what_tls_on_this_computer_cannot_be_combined_with_is_said_before_a_byte_is_sent(
    modem: Modem,
) -> None:
    tap = Tap(modem)
    slots = VerifyPolicy(client_slot=17, client_key_slot=17)
    with pytest.raises(Unsupported, match="HTTP client"):
        modem.https("one.test", tls="host", http="modem")
    with pytest.raises(Unsupported, match="security profile"):
        modem.https("one.test", tls="host", profile=3)
    with pytest.raises(Unsupported, match="slot 17"):
        modem.https("one.test", tls="host", policy=slots)
    with pytest.raises(Unsupported, match="pre-shared key"):
        modem.https("one.test", tls="host", policy=VerifyPolicy(psk=Psk("me", b"it")))
    with pytest.raises(Unsupported, match="runs in the modem"):
        modem.https("one.test", ca=CLIENT_CA.cert_pem.bytes())
    with pytest.raises(ValueError, match="'modem' or 'host'"):
        modem.https("one.test", tls="both")  # type: ignore[arg-type]
    assert tap.sent == b""


def test_policy_that_the_modem_cannot_enforce_names_tls_on_this_computer_as_a_way_out(modem: Modem) -> None:
    with pytest.raises(Unsupported) as caught:
        modem.https("one.test", policy=VerifyPolicy(checks=frozenset({Check.CHAIN, Check.HOSTNAME})))
    assert caught.value.remedy is not None
    assert "--tls host" in caught.value.remedy
    with pytest.raises(Unsupported) as caught:
        modem.https("one.test", tls="host", policy=VerifyPolicy(minimum_version=TlsVersion.TLS1_1))
    assert caught.value.remedy is not None
    assert "--tls host" not in caught.value.remedy


# Ends, silence, faults.


def test_body_without_a_length_is_whole_when_tls_ended(server: HttpsServer, modem: Modem) -> None:
    with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
        response = session.get("/close/5000")
        assert (response.body, response.is_complete) == (pattern(5000), True)


@pytest.mark.parametrize("target", ["/cut/5000/700", "/short/5000/700", "/reset/5000/700"])
def test_body_that_ends_too_early(server: HttpsServer, modem: Modem, target: str) -> None:
    with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
        with pytest.raises(ModemError) as caught:
            session.get(target)
        assert isinstance(caught.value, HttpError | NetworkError)
        assert session.get("/").status == 200


def test_body_without_a_length_that_ends_without_the_end_of_tls_is_not_whole() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of"
    with _cutting(answer) as (port, ca):
        leads = f"one.test:443=127.0.0.1:{port}"
        with modemtls.open(f"sim://sequans-gm02s?map={leads}") as modem:
            with pytest.raises(HttpError) as caught:
                modem.https("one.test", tls="host", ca=ca).get("/")
            assert Reason.INCOMPLETE_BODY in caught.value.reasons


def test_server_hears_of_the_end() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    ended: list[bool] = []
    with _cutting(answer, ended) as (port, ca):
        leads = f"one.test:443=127.0.0.1:{port}"
        with (
            modemtls.open(f"sim://sequans-gm02s?map={leads}") as modem,
            modem.https("one.test", tls="host", ca=ca) as session,
        ):
            assert session.get("/").body == b"ok"
    assert ended == [True]


@contextmanager
def _cutting(answer: bytes, ended: list[bool] | None = None) -> Iterator[tuple[int, bytes]]:
    """A server that answers, and then ends TCP without the end of TLS; or, with ``ended``, waits for the client's.

    ``ended`` gets whether the client ended TLS before it ended TCP.
    """
    ca = trustme.CA(key_type=KIND)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("one.test", key_type=KIND).configure_cert(context)

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
            tls.recv(4096)
            tls.sendall(answer)
            if ended is None:
                tls.shutdown(socket.SHUT_WR)
            try:
                while tls.recv(4096):
                    pass
                is_orderly = True
            except (ssl.SSLEOFError, OSError):
                is_orderly = False
            if ended is not None:
                ended.append(is_orderly)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], ca.cert_pem.bytes()
        finally:
            thread.join(5)


def test_server_that_is_silent_after_the_request() -> None:
    with LyingServer(b"") as silent, opened(silent) as modem:
        session = modem.https("one.test", tls="host", ca=silent.ca_pem, timeout=5)
        with pytest.raises(NetworkError) as caught:
            session.get("/")
        assert caught.value.reasons == {Reason.TIMEOUT}


def test_connection_that_was_refused_is_a_network_error(server: HttpsServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with modemtls.open(f"sim://sequans-gm02s?map=one.test:443=127.0.0.1:{port}") as modem:
        with pytest.raises(NetworkError) as caught:
            modem.https("one.test", tls="host", ca=server.ca_pem).get("/")
        assert caught.value.reasons == {Reason.REFUSED}


def test_restart_of_the_modem_between_two_requests(server: HttpsServer, modem: Modem) -> None:
    with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
        assert session.get("/").status == 200
        restart(modem)
        assert session.get("/").status == 200


@pytest.mark.parametrize("command", [b"AT+SQNSSENDEXT", b"AT+SQNSD=", b"AT+SQNSRECV"])
def test_interruption_anywhere_leaves_a_modem_that_works(
    server: HttpsServer, modem: Modem, command: bytes
) -> None:
    session = modem.https("one.test", tls="host", ca=server.ca_pem)
    Tap(modem).interrupt_once(command)
    with pytest.raises(KeyboardInterrupt):
        session.get("/")
    for _ in range(2):
        assert session.get("/bytes/3000").body == pattern(3000)


def test_cancelled_task_leaves_a_modem_that_works(server: HttpsServer) -> None:
    async def main() -> None:
        async with await opened_async(server) as modem:
            session = modem.https("one.test", tls="host", ca=server.ca_pem)
            for pause in (0, 0.002, 0.01):
                task = asyncio.create_task(session.get("/bytes/1000000"))
                await asyncio.sleep(pause)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert (await session.get("/bytes/3000")).body == pattern(3000)

    asyncio.run(main())


def test_all_sockets_come_back(server: HttpsServer, modem: Modem) -> None:
    for _ in range(15):
        with modem.https("one.test", tls="host", ca=server.ca_pem) as session:
            assert session.get("/").status == 200
        with pytest.raises(CertificateError):
            modem.https("one.test", tls="host", ca=CLIENT_CA.cert_pem.bytes()).get("/")


def test_faulty_line_changes_nothing(server: HttpsServer) -> None:
    with modemtls.open(url(server, chunk=1)) as modem:
        session = modem.https("one.test", tls="host", ca=server.ca_pem)
        assert session.get("/bytes/20000").body == pattern(20_000)
