"""TLS on cellular modems that are driven by AT commands.

Put certificates into the modem, say what must be verified, do HTTPS, and when it fails be told why::

    import modemtls

    with modemtls.open("/dev/ttyUSB0") as modem:
        modem.trust("ca.pem")
        with modem.https("example.org") as session:
            print(session.get("/").status)

Everything public is a name of this module; what needs time to load is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .credentials import Certificate as Certificate
    from .credentials import PrivateKey as PrivateKey
    from .diagnose.log import LogReading as LogReading
    from .diagnose.log import lint_log as lint_log
    from .diagnose.result import Diagnosis as Diagnosis
    from .driver import Driver as Driver
    from .errors import Certainty as Certainty
    from .errors import CertificateError as CertificateError
    from .errors import CommandError as CommandError
    from .errors import CredentialError as CredentialError
    from .errors import ErrorEntry as ErrorEntry
    from .errors import ErrorTable as ErrorTable
    from .errors import HttpError as HttpError
    from .errors import ModemError as ModemError
    from .errors import ModemReset as ModemReset
    from .errors import ModemTimeout as ModemTimeout
    from .errors import NetworkError as NetworkError
    from .errors import PortError as PortError
    from .errors import Reason as Reason
    from .errors import TlsError as TlsError
    from .errors import Unsupported as Unsupported
    from .errors import VendorCode as VendorCode
    from .findings import Finding as Finding
    from .findings import Severity as Severity
    from .findings import Term as Term
    from .hookspecs import hookimpl as hookimpl
    from .https.response import Response as Response
    from .model import Capability as Capability
    from .model import ClockReading as ClockReading
    from .model import CredentialKind as CredentialKind
    from .model import HttpReply as HttpReply
    from .model import HttpRequest as HttpRequest
    from .model import Identity as Identity
    from .model import Limits as Limits
    from .model import Match as Match
    from .model import Mistake as Mistake
    from .model import Model as Model
    from .model import NetworkSettings as NetworkSettings
    from .model import NetworkStatus as NetworkStatus
    from .model import Registration as Registration
    from .model import Resolved as Resolved
    from .model import SimState as SimState
    from .model import StoredCredential as StoredCredential
    from .model import StoredProfile as StoredProfile
    from .modem import AsyncHttpsSession as AsyncHttpsSession
    from .modem import AsyncModem as AsyncModem
    from .modem import HttpsSession as HttpsSession
    from .modem import Modem as Modem
    from .modem import open as open
    from .modem import open_async as open_async
    from .plan_records import TrustPlan as TrustPlan
    from .planning import trust_plan as trust_plan
    from .plugins import find_model as find_model
    from .policy import Check as Check
    from .policy import Enforcement as Enforcement
    from .policy import Gap as Gap
    from .policy import InsecureWarning as InsecureWarning
    from .policy import Psk as Psk
    from .policy import TlsProfile as TlsProfile
    from .policy import TlsVersion as TlsVersion
    from .policy import VerifyPolicy as VerifyPolicy
    from .proof import Proof as Proof
    from .proof import ProofServers as ProofServers
    from .proof import prove as prove
    from .proof import prove_async as prove_async
    from .settings import Settings as Settings
    from .standard import StandardDriver as StandardDriver
    from .standard_errors import with_standard as with_standard
    from .store import Installed as Installed

_WHERE = {
    "credentials": ("Certificate", "PrivateKey"),
    "diagnose.result": ("Diagnosis",),
    "diagnose.log": ("LogReading", "lint_log"),
    "driver": ("Driver",),
    "errors": (
        "Certainty", "CertificateError", "CommandError", "CredentialError", "ErrorEntry", "ErrorTable",
        "HttpError", "ModemError", "ModemReset", "ModemTimeout", "NetworkError", "PortError", "Reason",
        "TlsError", "Unsupported", "VendorCode",
    ),
    "findings": ("Finding", "Severity", "Term"),
    "hookspecs": ("hookimpl",),
    "https.response": ("Response",),
    "model": (
        "Capability", "ClockReading", "CredentialKind", "HttpReply", "HttpRequest", "Identity", "Limits",
        "Match", "Mistake", "Model", "NetworkSettings", "NetworkStatus", "Registration", "Resolved", "SimState",
        "StoredCredential", "StoredProfile",
    ),
    "modem": ("AsyncHttpsSession", "AsyncModem", "HttpsSession", "Modem", "open", "open_async"),
    "plan_records": ("TrustPlan",),
    "planning": ("trust_plan",),
    "plugins": ("find_model",),
    "policy": (
        "Check", "Enforcement", "Gap", "InsecureWarning", "Psk", "TlsProfile", "TlsVersion", "VerifyPolicy",
    ),
    "proof": ("Proof", "ProofServers", "prove", "prove_async"),
    "settings": ("Settings",),
    "standard": ("StandardDriver",),
    "standard_errors": ("with_standard",),
    "store": ("Installed",),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "AsyncHttpsSession",
    "AsyncModem",
    "Capability",
    "Certainty",
    "Certificate",
    "CertificateError",
    "Check",
    "ClockReading",
    "CommandError",
    "CredentialError",
    "CredentialKind",
    "Diagnosis",
    "Driver",
    "Enforcement",
    "ErrorEntry",
    "ErrorTable",
    "Finding",
    "Gap",
    "HttpError",
    "HttpReply",
    "HttpRequest",
    "HttpsSession",
    "Identity",
    "InsecureWarning",
    "Installed",
    "Limits",
    "LogReading",
    "Match",
    "Mistake",
    "Model",
    "Modem",
    "ModemError",
    "ModemReset",
    "ModemTimeout",
    "NetworkError",
    "NetworkSettings",
    "NetworkStatus",
    "PortError",
    "PrivateKey",
    "Proof",
    "ProofServers",
    "Psk",
    "Reason",
    "Registration",
    "Resolved",
    "Response",
    "Settings",
    "Severity",
    "SimState",
    "StandardDriver",
    "StoredCredential",
    "StoredProfile",
    "Term",
    "TlsError",
    "TlsProfile",
    "TlsVersion",
    "TrustPlan",
    "Unsupported",
    "VendorCode",
    "VerifyPolicy",
    "find_model",
    "hookimpl",
    "lint_log",
    "open",
    "open_async",
    "prove",
    "prove_async",
    "trust_plan",
    "with_standard",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("modemtls")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
