"""The demo on a modem whose TLS is old and has one number for every refused certificate.

What the strict policy wants and the modem has not got is named and accepted by name.  Then a self-signed
certificate works, an issued one does not, and the error says why: the story of many a bench.  Each server is a
real one, with the newest TLS that the modem speaks.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import trustme

from ..errors import Certainty, CertificateError, CredentialError, ModemError, Reason, Unsupported
from ..policy import VerifyPolicy
from ..sim.certificates import make_self_signed
from ..sim.server import HttpsServer
from .output import say, when
from .walk import Outcome, Walk

if TYPE_CHECKING:
    from ..model import Model
    from ..modem import Modem

__all__ = ["Story"]

_OWN, _ISSUED, _BARE, _TODAY = (
    f"{name}.test" for name in ("self-signed", "issued", "no-intermediate", "today")
)


class Story(Walk):
    """From a strict policy that is refused to requests that are verified, by way of the clock."""

    def __init__(self, model: Model, folder: Path, stack: ExitStack, *, silent: bool) -> None:
        self.folder = folder
        self.stack = stack
        self.gaps = sorted(model.demo_gaps, key=lambda gap: gap.value)
        self.policy = VerifyPolicy().accepting(model.demo_gaps)
        routes = self._servers(model)
        query = urlencode({"map": routes, **model.simulator_settings}, safe=":=,")
        super().__init__(model, f"sim://{model.name}?{query}", self.root, self.root, silent=silent)

    def _servers(self, model: Model) -> str:
        """Start them; gives where the simulated network leads."""
        newest = model.resolve("", None if model.options is None else _options(model)).limits.max_tls_version
        root = trustme.CA()
        between = root.create_child_ca()
        whole = between.issue_cert(_ISSUED)
        alone = between.issue_cert(_BARE)
        own_pem, own_key = make_self_signed(_OWN)
        today = HttpsServer(names=(_TODAY,), ca=root)
        old = {
            _OWN: own_key + own_pem,
            _ISSUED: whole.private_key_and_cert_chain_pem.bytes(),
            _BARE: alone.private_key_pem.bytes() + alone.cert_chain_pems[0].bytes(),
        }
        self.root = self._file("root.pem", root.cert_pem.bytes())
        self.own = self._file("self-signed.pem", own_pem)
        self.leaf = self._file("server.pem", whole.cert_chain_pems[0].bytes())
        servers = {name: HttpsServer(credential_pem=pem, tls_max=newest) for name, pem in old.items()}
        servers[_TODAY] = today
        ports = {name: self.stack.enter_context(server).port for name, server in servers.items()}
        return ",".join(f"{name}:443=127.0.0.1:{port}" for name, port in ports.items())

    def _file(self, name: str, pem: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(pem)
        return path

    def go(self) -> None:
        """All steps."""
        self._say_head()
        modem = self._opened(self.stack)
        if modem is None:
            return
        self._strictly(modem)
        self._self_signed(modem)
        self._issued(modem)
        self._other_refusals(modem)
        self._ways_out(modem)

    def _get(self, modem: Modem, host: str, policy: VerifyPolicy | None = None) -> Outcome:
        with modem.https(host, policy=policy or self.policy) as session:
            response = session.get("/")
        line = f"{response.status}, {len(response.body)} bytes, TLS by the {response.tls}: {response.text.strip()}"
        return Outcome(response.status == 200 and bool(response.body), (line,))

    def _refused(self, modem: Modem, host: str, reason: Reason, certainty: Certainty) -> Outcome:
        try:
            outcome = self._get(modem, host)
        except CertificateError as error:
            good = reason in error.reasons and error.certainty is certainty and error.code is not None
            return Outcome(good, (), error)
        return Outcome(False, outcome.lines)

    @staticmethod
    def _command(host: str, more: str = "") -> str:
        return f"modemtls request{more} https://{host}/"

    def _strictly(self, modem: Modem) -> None:
        def strict() -> Outcome:
            try:
                modem.https(_ISSUED)
            except Unsupported as error:
                named = all(gap.value.split("-")[0] in error.message for gap in self.gaps)
                return Outcome(named, (), error)
            return Outcome(False, ())

        def ready() -> Outcome:
            status = modem.network.up()
            reading = modem.clock.read()
            shown = "" if reading.is_set else ", which is what it says when nobody has set it"
            lines = (f"network: {status.registration.value}", f"clock: {when(reading.time)}{shown}")
            return Outcome(status.is_up and not reading.is_set, lines)

        self._step(
            "The strict policy is refused before a byte is sent: this modem cannot do all of it",
            (self._command(_ISSUED),), strict,
        )  # fmt: skip
        names = ",".join(gap.value for gap in self.gaps)
        self._step(
            "So what is missing is accepted by name. The network is up; nobody sets the clock",
            (f"export MODEMTLS_ACCEPT_GAPS={names}", "modemtls network up", "modemtls clock"), ready,
        )  # fmt: skip

    def _put_trust(self, modem: Modem, file: Path) -> tuple[str, ...]:
        return (str(modem.trust(file, policy=self.policy)),)

    def _self_signed(self, modem: Modem) -> None:
        def own() -> Outcome:
            lines = self._put_trust(modem, self.own)
            outcome = self._get(modem, _OWN)
            return Outcome(outcome.as_expected, lines + outcome.lines)

        self._step(
            "A server with a self-signed certificate, which is trusted itself: it works",
            (f"modemtls cert trust {self.own.name}", self._command(_OWN)), own,
        )  # fmt: skip

    def _issued(self, modem: Modem) -> None:
        def unset() -> Outcome:
            lines = self._put_trust(modem, self.root)
            outcome = self._refused(modem, _ISSUED, Reason.NOT_YET_VALID, Certainty.DERIVED)
            return Outcome(outcome.as_expected, lines + outcome.lines, outcome.error)

        def cured() -> Outcome:
            reading = modem.clock.set()
            outcome = self._get(modem, _ISSUED)
            return Outcome(
                reading.is_set and outcome.as_expected, (f"clock: {when(reading.time)}", *outcome.lines)
            )

        self._step(
            "A server whose certificate a CA has issued, and the CA's root is trusted: refused, and the error says why",
            (f"modemtls cert trust {self.root.name}", self._command(_ISSUED)), unset,
        )  # fmt: skip
        self._step(
            "The whole walk, from the line to an attempt, names the cause and the cure",
            (f"modemtls diagnose https://{_ISSUED}/",),
            lambda: self._diagnosed(modem, _ISSUED, Reason.CLOCK_UNSET, policy=self.policy),
        )
        self._step(
            "The cure: the same request succeeds, verified",
            ("modemtls clock --set now", self._command(_ISSUED)), cured,
        )  # fmt: skip

    def _other_refusals(self, modem: Modem) -> None:
        def leaf() -> Outcome:
            try:
                modem.trust(self.leaf, policy=self.policy)
            except CredentialError as error:
                return Outcome(Reason.LEAF_AS_ANCHOR in error.reasons, (), error)
            return Outcome(False, ())

        self._step(
            "The server's own certificate instead of the CA's is refused, before it is stored",
            (f"modemtls cert trust {self.leaf.name}",), leaf,
        )  # fmt: skip
        self._step(
            "A server that does not send its intermediate certificate is refused",
            (self._command(_BARE),),
            lambda: self._refused(modem, _BARE, Reason.MISSING_INTERMEDIATE, Certainty.GUESSED),
        )

    def _ways_out(self, modem: Modem) -> None:
        def insecure() -> Outcome:
            outcome = self._get(modem, _BARE, VerifyPolicy.insecure())
            warning = "warning: nothing is verified: whoever is on the way can read and change everything."
            return Outcome(outcome.as_expected, (warning, *outcome.lines))

        def by_host() -> Outcome:
            try:
                with modem.https(_TODAY, tls="host", ca=self.root) as session:
                    response = session.get("/")
            except ModemError as error:
                return Outcome(False, (), error)
            line = f"{response.status}, {len(response.body)} bytes, TLS by the {response.tls}: {response.text.strip()}"
            return Outcome(response.status == 200 and response.tls == "host", (line,))

        self._step(
            "Without verification it works, and only when that is asked for by name",
            (self._command(_BARE, " --insecure"),), insecure,
        )  # fmt: skip
        self._step(
            "And the strict policy holds in full with TLS on this computer, to a server of today",
            (self._command(_TODAY, f" --tls host --ca {self.root.name}"),), by_host,
        )  # fmt: skip
        if not self.silent:
            say()
            say(
                "The modem has one number for all of these refusals: the causes come from what can be checked."
            )


def _options(model: Model) -> object:
    from ..operations import vendor_options
    from ..settings import Settings

    return vendor_options(model, Settings())
