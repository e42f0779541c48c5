"""Views of a server, from where they come; the records that a judgement takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemtls import credentials
from modemtls.diagnose.stack_limits import limited_by
from modemtls.diagnose.view import Origin, anchors_of, live_view, view_of_file
from modemtls.errors import Certainty, CredentialError
from modemtls.model import Limits
from modemtls.policy import TlsVersion
from modemtls.stack import StackProfile, Trait

from .authority import HOST, root

CA = root()
LEAF = CA.issue("api", names=(HOST,))


def test_file_gives_its_certificates_in_their_order() -> None:
    seen = view_of_file(LEAF.pem + CA.pem, host=HOST, source="chain.pem")
    assert seen.chain == (LEAF.der, CA.der)
    assert (seen.host, seen.origin) == (HOST, Origin.FILE)


def test_file_with_text_around_and_crlf_is_read() -> None:
    text = b"0 s:CN = api\r\n" + LEAF.pem.replace(b"\n", b"\r\n") + b"---\r\nServer certificate\r\n" + CA.pem
    assert view_of_file(text, host=HOST).chain == (LEAF.der, CA.der)


def test_der_file_is_a_chain_of_one() -> None:
    assert view_of_file(LEAF.der, host=HOST).chain == (LEAF.der,)


def test_file_without_a_certificate_is_refused_with_the_way_to_get_one() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CredentialError, match="no certificate is in it") as caught:
        view_of_file(key, host=HOST, source="key.pem")
    assert "-showcerts" in str(caught.value)
    assert "BEGIN" not in str(caught.value)


def test_live_view_takes_versions_as_the_ssl_module_names_them() -> None:
    assert live_view(HOST, [LEAF.der], version="TLSv1.3").version is TlsVersion.TLS1_3
    assert live_view(HOST, [LEAF.der], version=TlsVersion.TLS1_0).version is TlsVersion.TLS1_0
    assert live_view(HOST, [LEAF.der], version="DTLSv9").version is None


def test_certificates_that_were_read_become_anchors() -> None:
    read = credentials.read(CA.pem)
    (anchor,) = anchors_of(read.certificates, "slot 3")
    assert (anchor.der, anchor.where) == (CA.der, "slot 3")


def test_what_is_shown_of_a_view_is_short() -> None:
    seen = live_view(HOST, [LEAF.der] * 50)
    assert len(repr(seen)) < 400
    assert HOST in repr(seen)


def test_every_statement_about_a_stack_is_assumed_until_a_vendor_states_it() -> None:
    traits = list(vars(StackProfile()).values())
    assert len(traits) > 20
    assert all(isinstance(each, Trait) and not each.is_known and "assumed" in each.source for each in traits)


def test_limits_of_the_model_fill_what_is_assumed_and_stay_guesses() -> None:
    limits = Limits(max_rsa_bits=2048, key_types=frozenset({"rsa"}), max_tls_version=TlsVersion.TLS1_1)
    stack = limited_by(StackProfile(), limits)
    assert stack.max_rsa_bits.value == 2048
    assert stack.key_types.value == {"rsa"}
    assert stack.maximum_version.value is TlsVersion.TLS1_1
    assert stack.max_rsa_bits.certainty is Certainty.GUESSED


def test_limits_of_the_model_do_not_replace_what_is_known() -> None:
    own = replace(StackProfile(), max_rsa_bits=Trait(4096, Certainty.STATED, "a manual"))
    assert limited_by(own, Limits(max_rsa_bits=2048)).max_rsa_bits.value == 4096
