from __future__ import annotations

import hashlib
import ipaddress
import pickle
import time
import warnings

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)

from modemtls import credentials
from modemtls.credentials import MAX_FILE_BYTES, bundle, pairs, read
from modemtls.errors import CredentialError, Reason

from .forge import END, START, Issued, issue

EC_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
PASSWORD = b"correct horse"
V1_ROOT = b"""-----BEGIN CERTIFICATE-----
MIIBIzCByQIUbZmA7+qlOF6tQh1r0sgtI95bkNkwCgYIKoZIzj0EAwIwEzERMA8G
A1UEAwwIb2xkIHJvb3QwIBcNMjYxMTIxMDM1NTA1WhgPMjEyNjEwMjgwMzU1MDVa
MBMxETAPBgNVBAMMCG9sZCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
P3kqz2bHCAQ8xR9pwbN934fyrsZIYSEcu2C2N4h7E0q9vWFEXTaA+LXThrytQI1c
99bV68sqRQhnQHxXwFQk3DAKBggqhkjOPQQDAgNJADBGAiEAnULQEGKS9X7eVs+f
V1wsiGEJXR4ZA8b/urxzHaFq4ToCIQD5xgbMnyx+/7r73e5kJu8Ff6CcHUOT4vA9
Ub8TyZE95w==
-----END CERTIFICATE-----
"""


def refused(data: bytes) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        read(data, source="file.pem")
    assert "file.pem" in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_certificate_has_what_a_person_compares(root: Issued) -> None:
    names = (x509.DNSName("a.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = issue("shop", issuer=root, names=names)
    (certificate,) = read(made.pem).certificates
    assert (certificate.subject, certificate.issuer) == ("CN=shop", "CN=root")
    assert certificate.serial == "beef"
    assert (certificate.not_before, certificate.not_after) == (START, END)
    assert (certificate.key_type, certificate.key_bits, certificate.curve) == ("ec", 256, "secp256r1")
    assert certificate.signature_hash == "sha256"
    assert not certificate.is_ca
    assert not certificate.is_self_signed
    assert certificate.sha256 == made.certificate.fingerprint(hashes.SHA256()).hex()
    assert certificate.sha1 == hashlib.sha1(made.der).hexdigest()
    assert certificate.names == ("a.test", "127.0.0.1")
    assert (certificate.der, certificate.pem, certificate.line) == (made.der, made.pem, 1)
    assert len(repr(certificate)) < 120


def test_certificates_of_trustme_are_read_and_pair() -> None:
    ca = trustme.CA()
    issued = ca.issue_cert("a.test")
    data = issued.private_key_and_cert_chain_pem.bytes() + ca.cert_pem.bytes()
    file = read(data)
    assert [certificate.is_ca for certificate in file.certificates] == [False, True]
    assert pairs(file.certificates[0], file.keys[0])
    assert not pairs(file.certificates[1], file.keys[0])
    assert file.mended == ()


def test_der_certificate_is_read(root: Issued) -> None:
    file = read(root.der)
    assert file.certificates[0].pem == root.pem
    assert file.certificates[0].line is None


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_keys_keep_the_form_in_which_they_came(
    leaf: Issued, rsa_leaf: Issued, form: PrivateFormat, encoding: Encoding
) -> None:
    for issued, kind in ((leaf, "ec"), (rsa_leaf, "rsa")):
        (key,) = read(issued.key_as(form, encoding=encoding)).keys
        assert key.pem == issued.key_as(form)
        assert key.key_type == kind
        assert key.label == ("PRIVATE KEY" if form is PrivateFormat.PKCS8 else f"{kind.upper()} PRIVATE KEY")
        assert key.as_traditional() == issued.key_as(PrivateFormat.TraditionalOpenSSL)
        assert pairs(read(issued.pem).certificates[0], key)


def test_ed25519_key_has_no_traditional_form(root: Issued) -> None:
    issued = issue(issuer=root, key=ed25519.Ed25519PrivateKey.generate())
    (key,) = read(issued.key_as(encoding=Encoding.DER)).keys
    assert key.key_type == "ed25519"
    with pytest.raises(CredentialError, match="PKCS#8 is the only one"):
        key.as_traditional()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_encrypted_key_is_known_as_such_and_kept_whole(rsa_leaf: Issued, form: PrivateFormat) -> None:
    data = rsa_leaf.key_as(form, password=PASSWORD)
    (key,) = read(data).keys
    assert key.encrypted
    assert key.public_key_sha256 is None
    reopened, original = load_pem_private_key(key.pem, PASSWORD), load_pem_private_key(data, PASSWORD)
    assert reopened.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    ) == original.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for call in (key.as_traditional, lambda: pairs(read(rsa_leaf.pem).certificates[0], key)):
        with pytest.raises(CredentialError) as caught:
            call()
        assert caught.value.reasons == {Reason.KEY_ENCRYPTED}


@pytest.mark.parametrize("bad", ["\0", "\x08", "\x1b[2J"])
def test_a_control_character_in_a_header_that_is_kept_is_refused(rsa_leaf: Issued, bad: str) -> None:
    data = rsa_leaf.key_as(PrivateFormat.TraditionalOpenSSL, password=PASSWORD).decode()
    with pytest.raises(CredentialError, match="header lines of the RSA PRIVATE KEY hold a control character"):
        read(data.replace("4,ENCRYPTED", f"4,ENC{bad}RYPTED ENCRYPTED").encode())


def test_encrypted_der_key_is_known_as_such(leaf: Issued) -> None:
    assert read(leaf.key_as(password=PASSWORD, encoding=Encoding.DER)).keys[0].encrypted


def test_ec_parameters_are_taken_off_the_key_that_follows(leaf: Issued) -> None:
    plain = leaf.key_as(PrivateFormat.TraditionalOpenSSL)
    file = read(EC_PARAMETERS + plain)
    assert file.keys[0].had_ec_parameters
    assert file.keys[0].pem == plain
    assert any("EC PARAMETERS" in note.message and note.line == 1 for note in file.mended)


def test_key_bytes_are_in_no_repr_error_or_pickled_error(leaf: Issued) -> None:
    data = leaf.key_as()
    secret = data.decode().splitlines()[1]
    assert secret not in repr(read(data))
    lines = data.decode().splitlines()
    damaged = [
        "\n".join([lines[0], lines[1][:30] + "!" + lines[1][31:], *lines[2:]]),
        "\n".join([lines[0], lines[1], lines[3]]),
        "\n".join([lines[0], lines[1], lines[2][:20] + "\u2026", lines[3]]),
        "\n".join([lines[0], lines[1][:-6] + "AAAAAA", *lines[2:]]),
        "\n".join([lines[0].replace("PRIVATE KEY", "CERTIFICATE"), *lines[1:3], "-----END CERTIFICATE-----"]),
    ]
    for text in damaged:
        error = refused(text.encode())
        for shown in (str(error), repr(error), repr(pickle.loads(pickle.dumps(error)).__dict__)):
            assert not any(secret[at : at + 8] in shown for at in range(0, len(secret) - 8, 4))
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None


def test_bundle_keeps_the_order_and_drops_what_is_there_already(root: Issued, leaf: Issued) -> None:
    file = read(leaf.pem + root.pem + leaf.pem)
    assert len(file.certificates) == 3
    assert bundle(file.certificates) == leaf.pem + root.pem


def test_lines_count_in_the_file_as_it_is(root: Issued, leaf: Issued) -> None:
    file = read(b"Subject: a root\r\n\r\n" + root.pem.replace(b"\n", b"\r\n") + b"\r\n" + leaf.pem)
    assert [certificate.line for certificate in file.certificates] == [3, 3 + root.pem.count(b"\n") + 1]


def test_self_signed_certificate_of_version_1_counts_as_a_ca() -> None:
    certificate = read(V1_ROOT).certificates[0]
    assert certificate.is_self_signed
    assert certificate.is_ca


def test_version_3_certificate_without_basic_constraints_is_no_ca() -> None:
    assert not read(issue(ca=None).pem).certificates[0].is_ca


def test_damaged_signature_of_a_root_is_seen(root: Issued) -> None:
    der = root.der[:-1] + bytes([root.der[-1] ^ 1])
    (certificate,) = read(der).certificates
    assert certificate.is_self_issued
    assert not certificate.is_self_signed


def test_control_and_bidirectional_characters_are_shown_as_hex_pairs() -> None:
    subject = read(issue("a\x1b[2J\u202eb\u00e9").pem).certificates[0].subject
    assert subject == "CN=a\\1B[2J\\E2\\80\\AEb\u00e9"


def test_file_name_cannot_steer_the_terminal() -> None:
    with pytest.raises(CredentialError) as caught:
        read(b"x", source="a\x1b[2J")
    assert "\x1b" not in str(caught.value)


def test_odd_serial_number_is_no_reason_to_refuse_where_warnings_are_errors(root: Issued) -> None:
    der = root.der.replace(bytes.fromhex("020300beef"), bytes.fromhex("020380beef"), 1)
    assert der != root.der
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(der).certificates[0].serial.startswith("-")


def test_other_objects_are_named(root: Issued) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    public = key.public_key()
    revoked = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(START)
        .next_update(END)
        .sign(key, hashes.SHA256())
    )
    for encoding in (Encoding.PEM, Encoding.DER):
        for data, name in (
            (request.public_bytes(encoding), "CSR"),
            (public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo), "public key"),
            (revoked.public_bytes(encoding), "revocation list"),
            (pkcs7.serialize_certificates([root.certificate], encoding), "PKCS#7"),
        ):
            error = refused(data)
            assert name in error.message
            assert error.reasons == {Reason.NOT_A_CERTIFICATE}
    archive = pkcs12.serialize_key_and_certificates(b"x", key, None, None, NoEncryption())
    error = refused(archive)
    assert "PKCS#12" in error.message
    assert "openssl pkcs12" in str(error)


def test_other_object_beside_a_certificate_is_left_out_and_noted(root: Issued) -> None:
    public = root.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    file = read(public + root.pem)
    assert len(file.certificates) == 1
    assert any("a public key" in note.message and note.line == 1 for note in file.mended)


def test_label_and_content_of_different_kinds_are_refused(root: Issued, leaf: Issued) -> None:
    error = refused(leaf.key_as().replace(b"PRIVATE KEY", b"CERTIFICATE"))
    assert "its content is a private key" in error.message
    assert error.reasons == {Reason.NOT_A_CERTIFICATE}
    error = refused(root.pem.replace(b"CERTIFICATE", b"PRIVATE KEY"))
    assert "its content is a certificate" in error.message


def test_label_of_another_form_of_key_is_put_right(rsa_leaf: Issued) -> None:
    plain = rsa_leaf.key_as()
    (key,) = read(plain.replace(b"PRIVATE KEY", b"RSA PRIVATE KEY")).keys
    assert key.pem == plain


@pytest.mark.parametrize("data", [b"", b"\r\n  \n", b"hello", b"<html>", b"\x00\x01\x02", bytes(range(256))])
def test_file_without_anything_usable_is_refused(data: bytes) -> None:
    assert refused(data).reasons == {Reason.NOT_A_CERTIFICATE}


@pytest.mark.parametrize("cut", [-1, -40, 5])
def test_incomplete_der_is_refused(root: Issued, cut: int) -> None:
    assert "not complete, or damaged" in refused(root.der[:cut]).message


def test_der_with_something_after_it_is_refused_but_a_line_end_is_not(root: Issued) -> None:
    assert refused(root.der + b"x").reasons == {Reason.MALFORMED}
    assert read(root.der + b"\r\n").certificates[0].der == root.der


def test_sizes_are_bounded(leaf: Issued) -> None:
    assert refused(b"x" * (MAX_FILE_BYTES + 1)).reasons == {Reason.TOO_LARGE}
    assert "more than 8 private keys" in refused(leaf.key_as() * 9).message
    huge = b"\x30\x82\x20\x00\x02\x01\x00" + bytes(0x2000 - 3)
    assert refused(huge)


@pytest.mark.parametrize(
    "pattern",
    [
        "-",
        "-BEGIN ",
        "-BEGIN CERTIFICATE",
        " -BEGIN CERTIFICATE- ",
        "-----BEGN XERTIFIXATX-----\n",
        "\\n",
        "- ",
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(pattern: str) -> None:
    def seconds(size: int) -> float:
        started = time.process_time()
        refused((pattern * (size // len(pattern))).encode())
        return time.process_time() - started

    short, long = seconds(8_000), seconds(128_000)
    assert long < 40 * short + 0.5


def test_package_gives_the_public_names() -> None:
    for name in credentials.__all__:
        assert getattr(credentials, name) is not None
