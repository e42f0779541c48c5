"""Public collections of X.509 path cases: the judgement against what their authors expect, case by case.

The judge is asked as a strict stack.  Accepting is "nothing is found that must make the handshake fail".
No case may come out worse than by cryptography's verifier alone; where that one refuses, a judgement may
never say that all is fine; no case may take longer than a second.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import lzma
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, Subject

from modemtls.diagnose.chain import Judgement, Verdict, examine
from modemtls.diagnose.view import Anchor, ServerView
from modemtls.errors import Certainty, Reason
from modemtls.model import ClockReading
from modemtls.policy import Check
from modemtls.stack import LeafAnchor, StackProfile, Trait

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
ANY_KEY = frozenset({"rsa", "ec", "ed25519", "ed448", "dsa", "other"})
USUAL_HASHES: frozenset[str] | None = frozenset({"sha224", "sha256", "sha384", "sha512"})


def stated(value: Any) -> Trait[Any]:
    return Trait(value, Certainty.STATED, "a test")


STRICT = StackProfile(
    leaf_as_anchor=stated(LeafAnchor.ACCEPTED),
    intermediate_as_anchor=stated(True),
    uses_sent_intermediates=stated(True),
    checks_usage=stated(True),
    checks_name_constraints=stated(True),
    strict=stated(True),
    key_types=stated(ANY_KEY),
    hashes=stated(USUAL_HASHES),
    min_rsa_bits=stated(0),
    max_rsa_bits=stated(None),
)

#: What is accepted although the collection says FAILURE: rules of the CA/Browser Forum or of RFC 5280 that are
#: no matter of the path, and revocation, which no modem checks.
TOO_LENIENT = {
    "crl::crlnumber-critical",
    "crl::crlnumber-missing",
    "crl::issuer-missing-crlsign",
    "crl::revoked-certificate-with-crl",
    "rfc5280::aki::cross-signed-root-missing-aki",
    "rfc5280::aki::intermediate-missing-aki",
    "rfc5280::nc::permitted-dns-match-noncritical",
    "rfc5280::pc::ica-noncritical-pc",
    "rfc5280::serial::zero",
    "rfc5280::ski::intermediate-missing-ski",
    "rfc5280::ski::root-missing-ski",
    "webpki::aki::root-with-aki-all-fields",
    "webpki::aki::root-with-aki-ski-mismatch",
    "webpki::cn::case-mismatch",
    "webpki::cn::ipv4-hex-mismatch",
    "webpki::cn::ipv4-leading-zeros-mismatch",
    "webpki::cn::ipv6-non-rfc5952-mismatch",
    "webpki::cn::ipv6-uncompressed-mismatch",
    "webpki::cn::ipv6-uppercase-mismatch",
    "webpki::cn::not-in-san",
    "webpki::cn::punycode-not-in-san",
    "webpki::cn::utf8-vs-punycode-mismatch",
    "webpki::eku::ee-anyeku",
    "webpki::eku::ee-without-eku",
    "webpki::eku::root-has-eku",
    "webpki::forbidden-dsa-leaf",
    "webpki::forbidden-p192-leaf",
    "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
    "webpki::forbidden-rsa-not-divisible-by-8-in-root",
    "webpki::forbidden-weak-rsa-in-leaf",
    "webpki::san::public-suffix-multi-label-wildcard-san",
    "webpki::san::public-suffix-private-namespace-wildcard-san",
    "webpki::san::public-suffix-wildcard-san",
}
#: What is refused although the collection says SUCCESS: the verifier is stricter than RFC 5280 there.
TOO_STRICT = {
    "crl::issuer-no-keyusage-extension",
    "pathlen::max-chain-depth-1-self-issued",
    "pathlen::self-issued-certs-pathlen",
    "pathlen::validation-ignores-pathlen-in-leaf",
    "rfc5280::ca-as-leaf",
}
#: The reason of a refusal that BetterTLS asks for by name.
WANTED = {
    "INVALID_REASON_EXPIRED": Reason.EXPIRED,
    "INVALID_REASON_NAME_CONSTRAINTS": Reason.NAME_CONSTRAINTS,
    "INVALID_REASON_BAD_EKU": Reason.WRONG_USAGE,
    "INVALID_REASON_MISSING_BASIC_CONSTRAINTS": Reason.NOT_A_CA,
    "INVALID_REASON_NOT_A_CA": Reason.NOT_A_CA,
    "INVALID_REASON_DEPRECATED_CRYPTO": Reason.UNSUPPORTED_HASH,
}


@dataclass(frozen=True)
class Case:
    """One case: what is sent and trusted, when, for whom, and what its authors expect."""

    name: str
    chain: tuple[bytes, ...]
    trusted: tuple[bytes, ...]
    moment: datetime
    host: str | None
    accepted: bool
    depth: int | None = None
    features: tuple[str, ...] = ()

    def judged(self) -> Judgement:
        stack = STRICT if self.depth is None else replace(STRICT, max_path=stated(self.depth))
        checks = frozenset(Check) if self.host is not None else frozenset({Check.CHAIN, Check.DATES})
        return examine(
            ServerView(self.host or "", self.chain),
            [Anchor(der, "trusted") for der in self.trusted],
            clock=ClockReading(self.moment, True),
            now=self.moment,
            checks=checks,
            stack=stack,
        )

    def accepted_by_the_library(self) -> bool:
        """What cryptography's verifier alone says, asked here without the code under test."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                leaf, *rest = map(x509.load_der_x509_certificate, self.chain)
                store = Store([x509.load_der_x509_certificate(der) for der in self.trusted])
                builder = PolicyBuilder().store(store).time(self.moment)
                if self.depth is not None:
                    builder = builder.max_chain_depth(self.depth)
                builder.build_server_verifier(subject(self.host or "")).verify(leaf, rest)
            except Exception:
                return False
        return True


def subject(host: str) -> Subject:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def collection(name: str) -> Any:
    path = VECTORS / name
    return json.loads(lzma.open(path).read()) if path.exists() else None


def der(pem: str) -> bytes:
    return base64.b64decode("".join(pem.split("-----")[2].split()))


def limbo() -> Iterator[Any]:
    found = collection("limbo.json.xz")
    if found is None:
        yield pytest.param(None, id="limbo.json.xz")
        return
    today = datetime.now(UTC)
    for each in found["testcases"]:
        moment, peer = each["validation_time"], each["expected_peer_name"]
        if each["validation_kind"] != "SERVER":
            mark = pytest.mark.skip(reason="a case for client certificates; judged are servers'")
            yield pytest.param(None, id=each["id"], marks=mark)
            continue
        case = Case(
            each["id"],
            tuple(map(der, [each["peer_certificate"], *each["untrusted_intermediates"]])),
            tuple(map(der, each["trusted_certs"])),
            datetime.fromisoformat(moment) if moment else today,
            peer["value"] if peer else None,
            each["expected_result"] == "SUCCESS",
            each["max_chain_depth"],
        )
        yield pytest.param(case, id=case.name)


def bettertls(suite: str) -> Iterator[Any]:
    found = collection("bettertls.json.xz")
    if found is None:
        yield pytest.param(None, id="bettertls.json.xz")
        return
    for each in found["suites"][suite]["testCases"]:
        chain = tuple(map(base64.b64decode, each["certificates"]))
        leaf = x509.load_der_x509_certificate(chain[0])
        late = "INVALID_REASON_EXPIRED" in each["requiredFeatures"] and each["expected"] == "REJECT"
        moment = leaf.not_valid_after_utc if late else leaf.not_valid_before_utc
        case = Case(
            f"{suite}-{each['id']}",
            chain,
            (base64.b64decode(found["trustRoot"]),),
            moment + timedelta(seconds=1),
            each["hostname"],
            each["expected"] == "ACCEPT",
            features=tuple(each["requiredFeatures"]),
        )
        yield pytest.param(case, id=case.name)


def within_a_second(case: Case) -> Judgement:
    for _ in range(2):  # a machine may stumble once
        start = time.process_time()
        judgement = case.judged()
        taken = time.process_time() - start
        if taken < 1:
            break
    assert taken < 1, f"{case.name} took {taken:.1f} s"
    return judgement


def present(case: Case | None, name: str) -> Case:
    if case is None:
        pytest.skip(f"{name} is not in ../shared/vectors: its cases are not run")
    return case


def check_no_worse(case: Case, judgement: Judgement) -> None:
    accepted = judgement.verdict is not Verdict.REFUSED
    library = case.accepted_by_the_library()
    if library == case.accepted:
        assert accepted == case.accepted, judgement.findings
    if not library:
        assert judgement.verdict is not Verdict.FINE
        if case.host is not None:
            assert judgement.cause is not None
    for finding in judgement.findings:
        assert finding.message
        assert finding.message.isprintable()


@pytest.mark.parametrize("case", list(limbo()))
def test_limbo(case: Case | None) -> None:
    case = present(case, "limbo.json.xz")
    judgement = within_a_second(case)
    check_no_worse(case, judgement)
    accepted = judgement.verdict is not Verdict.REFUSED
    excused = TOO_LENIENT if not case.accepted else TOO_STRICT
    assert (accepted != case.accepted) == (case.name in excused), judgement.findings
    if case.accepted and case.name not in TOO_STRICT:
        assert not [f for f in judgement.findings if f.severity == 0]


@pytest.mark.parametrize("case", list(bettertls("pathbuilding")))
def test_bettertls_paths_and_the_reason_of_each_refusal(case: Case | None) -> None:
    case = present(case, "bettertls.json.xz")
    judgement = within_a_second(case)
    check_no_worse(case, judgement)
    assert (judgement.verdict is not Verdict.REFUSED) == case.accepted
    wanted = {WANTED[feature] for feature in case.features if feature in WANTED}
    if not case.accepted and wanted:
        assert judgement.findings[0].reason in wanted


@pytest.mark.parametrize("case", list(bettertls("nameconstraints_sample")))
def test_bettertls_name_constraints(case: Case | None) -> None:
    case = present(case, "bettertls.json.xz")
    judgement = within_a_second(case)
    check_no_worse(case, judgement)
    assert (judgement.verdict is not Verdict.REFUSED) == case.accepted
    if not case.accepted:
        assert judgement.findings[0].reason in (
            Reason.NAME_CONSTRAINTS,
            Reason.HOSTNAME_MISMATCH,
            Reason.MALFORMED,
        )
