"""The judgement against what happens: the same certificates in a real handshake of a simulated modem's TLS.

Where the handshake fails, the judgement names a cause that fits what OpenSSL said; where it succeeds, the
judgement has found nothing that must fail.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from OpenSSL import SSL, crypto

from modemtls.diagnose.chain import Verdict
from modemtls.diagnose.standards import reasons_of_verify_code
from modemtls.errors import Reason
from modemtls.findings import Severity
from modemtls.policy import Check, TlsVersion
from modemtls.sim.tls import EngineError, TlsEngine, TlsSettings
from modemtls.stack import LeafAnchor, StackProfile

from . import test_chain_scenarios as scenarios
from .authority import HOST, UNSET, root, view
from .test_chain import self_signed_ca_as_server
from .test_chain_scenarios import CA, SUB, Scene, judged, known, leaf

#: What the simulated modems' stack is: OpenSSL without a security level.
SIMULATED = StackProfile(
    leaf_as_anchor=known(LeafAnchor.SELF_SIGNED),
    intermediate_as_anchor=known(False),
    uses_sent_intermediates=known(True),
    needs_order=known(False),
    looks_for_other_paths=known(True),
    common_name=known(False),
    compares_names=known(True),
    checks_dates=known(True),
    checks_anchor_dates=known(True),
    checks_usage=known(True),
    checks_name_constraints=known(True),
    strict=known(False),
    sends_sni=known(True),
    minimum_version=known(TlsVersion.TLS1_2),
    maximum_version=known(TlsVersion.TLS1_3),
    hashes=known(None),
    min_rsa_bits=known(0),
    max_rsa_bits=known(None),
)
#: OpenSSL says the first of several things that are wrong; these cover it as well.
ALSO = {
    Reason.CLOCK_UNSET: {Reason.NOT_YET_VALID, Reason.EXPIRED},
    Reason.CLOCK_WRONG: {Reason.NOT_YET_VALID, Reason.EXPIRED},
    Reason.NO_TRUST_ANCHOR: {Reason.UNKNOWN_ISSUER, Reason.SELF_SIGNED},
}


def server_context(scene: Scene) -> SSL.Context | None:
    """A server that sends the scene's chain; ``None`` where the key of its certificate is not at hand."""
    first, *rest = (x509.load_der_x509_certificate(der) for der in scene.seen.chain)
    public = first.public_key()
    for key in scenarios.RSA_KEYS.values():
        if key.public_key() == public:
            context = SSL.Context(SSL.TLS_SERVER_METHOD)
            context.set_cipher_list(b"ALL:@SECLEVEL=0")
            context.use_certificate(first)
            context.use_privatekey(key)
            for each in rest:
                context.add_extra_chain_cert(each)
            return context
    return None


def handshake(scene: Scene, context: SSL.Context) -> EngineError | None:
    """What the simulated modem's TLS says of the server; ``None`` when it is content."""
    settings = TlsSettings(
        server_name=scene.seen.host,
        check_chain=Check.CHAIN in scene.checks,
        check_dates=Check.DATES in scene.checks,
        check_hostname=Check.HOSTNAME in scene.checks,
        minimum=TlsVersion.TLS1_2,
        maximum=TlsVersion.TLS1_3,
        time=scene.reading.time,
        ca_pem=b"".join(
            crypto.dump_certificate(
                crypto.FILETYPE_PEM, crypto.load_certificate(crypto.FILETYPE_ASN1, anchor.der)
            )
            for anchor in scene.anchors
        ),
    )
    client = TlsEngine(settings, scene.seen.host)
    server = SSL.Connection(context, None)
    server.set_accept_state()
    try:
        for _ in range(20):
            done = client.handshake()
            if data := client.output():
                server.bio_write(data)
            with contextlib.suppress(SSL.WantReadError):
                server.do_handshake()
            try:
                client.feed(server.bio_read(65536))
            except SSL.WantReadError:
                if done:
                    return None
    except EngineError as error:
        return error
    raise AssertionError("the handshake did not come to an end")


def self_signed_ca() -> Scene:
    return self_signed_ca_as_server()[1]


def self_signed_and_held() -> Scene:
    own = root("api", ca=False, names=(HOST,), key=scenarios.RSA_KEYS[2048])
    return Scene(view(own), (own.anchor(),))


def client_certificate_as_server_without_checks_of_names() -> Scene:
    return replace(scenarios.wrong_host(), checks=frozenset({Check.CHAIN, Check.DATES}))


def expired_without_checks_of_dates() -> Scene:
    return replace(scenarios.expired(), checks=frozenset({Check.CHAIN, Check.HOSTNAME}))


def two_generations_of_a_root() -> Scene:
    return Scene(view(leaf(), SUB), (root("Example Root CA").anchor(), CA.anchor()))


def expired_root_beside_the_right_one() -> Scene:
    old = root("Example Root CA", key=CA.key, days=(-900, -2))
    return Scene(view(leaf(), SUB), (old.anchor(), CA.anchor()))


def wrong_in_two_ways() -> Scene:
    return Scene(view(leaf(names=("x.example",), days=(-90, -1)), SUB), (CA.anchor(),))


def unset_clock_and_other_root() -> Scene:
    return replace(scenarios.other_root(), reading=UNSET)


MORE: list[Callable[[], Scene]] = [
    self_signed_ca,
    self_signed_and_held,
    client_certificate_as_server_without_checks_of_names,
    expired_without_checks_of_dates,
    two_generations_of_a_root,
    expired_root_beside_the_right_one,
    wrong_in_two_ways,
    unset_clock_and_other_root,
]
#: Their server's key is made for one test and not kept.
WITHOUT_KEY = {scenarios.elliptic_leaf, scenarios.curve_not_taken}
SCENES = [build for build, _, _ in scenarios.MATRIX if build not in WITHOUT_KEY] + MORE


@pytest.mark.parametrize("build", SCENES)
def test_judgement_and_handshake_agree(build: Callable[[], Scene]) -> None:
    scene = build()
    scene = replace(scene, seen=replace(scene.seen, versions=None))
    context = server_context(scene)
    assert context is not None
    problem = handshake(scene, context)
    judgement = judged(scene, SIMULATED)
    errors = [finding for finding in judgement.findings if finding.severity is Severity.ERROR]
    if problem is None:
        assert not errors, errors
        assert judgement.verdict is not Verdict.REFUSED
        return
    assert errors, problem
    code = problem.problem.verify_code
    assert code is not None
    named = {finding.reason for finding in errors}
    named |= {also for reason in named for also in ALSO.get(reason, set())}
    assert named & reasons_of_verify_code(code), (str(problem), errors)
