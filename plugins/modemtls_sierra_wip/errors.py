"""What the numbers and names of these modules mean, and how sure that is.

Namespaces: ``cme`` (3GPP TS 27.007, the firmware's own 5xx, the agent's 700 to 799, or WIPsoft's 800 to 884),
``final`` (results of V.250), ``bearer`` (names of the WIP library's bearer errors), ``tls-event`` and ``tcp-event``
(what ended a connection: the event's name and number; the numbers of the two are not from one list).
The two models have a table each: the agent and WIPsoft never run together.
"""

from __future__ import annotations

from modemtls import (
    Certainty,
    CertificateError,
    CommandError,
    CredentialError,
    ErrorEntry,
    ModemError,
    NetworkError,
    Reason,
    TlsError,
    Unsupported,
    with_standard,
)

__all__ = ["BAD_CERTIFICATE", "COMPANION_ERRORS", "WIPSOFT_ERRORS"]

R = Reason
_PAGE = "the agent's own manual"
_GUIDE = "WIPsoft guide 3.11, as quoted in a public driver"
_HEADERS = "public Open AT samples (WIP library)"
_REPORT = "public forum thread: errnum 1 is reported as 'Bad certificate' (Security plug-in 1.4)"

BAD_CERTIFICATE = "WIP_CEV_ERROR 1"

_CLOCK_AND_CA = (
    "Check the modem's clock (modemtls clock), that the CA is the server's root and not its own certificate, and that"
    " the server sends its intermediates."
)
_APN = "The APN is probably wrong or missing: give the operator's with --apn, and its user and password."
_LOGIN = "Check APN, user and password with the operator."
_UP = "Bring it up again: modemtls network up"
_SIM = "Insert the SIM, contacts first, and restart the module."
_PIN = "Give the PIN with --pin, or pin in modemtls.toml; try again in a few seconds."
_LINE = "Connect RTS and CTS, or use a lower baud rate, and try again."
_RESTART = "Restart the module: AT+CFUN=1."
_LIST = "Look at what is stored, and remove what is not needed: modemtls cert list"
_HOST = 'let TLS run on this computer (tls="host", --tls host).'
_NETWORK = "Look at SIM, registration and APN: modemtls network"


def _row(
    namespace: str,
    number: int | str,
    name: str,
    error: type[ModemError],
    meaning: str,
    *reasons: Reason,
    source: str,
    certainty: Certainty = Certainty.STATED,
    remedy: str | None = None,
) -> ErrorEntry:
    return ErrorEntry(namespace, number, name, error, frozenset(reasons), meaning, certainty, source, remedy)


def _core(
    number: int, name: str, meaning: str, *reasons: Reason, remedy: str | None = None, **more: str
) -> ErrorEntry:
    return _row(
        "cme", number, name, CommandError, meaning, *reasons, remedy=remedy, source=more.get("source", _AT)
    )


def _agent(
    number: int,
    error: type[ModemError],
    meaning: str,
    *reasons: Reason,
    certainty: Certainty = Certainty.STATED,
    remedy: str | None = None,
) -> ErrorEntry:
    return _row(
        "cme",
        number,
        f"agent {number}",
        error,
        meaning,
        *reasons,
        source=_PAGE,
        certainty=certainty,
        remedy=remedy,
    )


def _wip(
    number: int,
    meaning: str,
    *reasons: Reason,
    error: type[ModemError] = NetworkError,
    remedy: str | None = None,
) -> ErrorEntry:
    return _row("cme", number, f"WIPsoft {number}", error, meaning, *reasons, source=_GUIDE, remedy=remedy)


def _bearer(name: str, meaning: str, *reasons: Reason, remedy: str | None = _NETWORK) -> ErrorEntry:
    return _row("bearer", name, name, NetworkError, meaning, *reasons, source=_HEADERS, remedy=remedy)


_AT = "Wavecom AT commands guide (firmware 6.6x, 7.x) and public forum threads"

_FIRMWARE = (
    _core(515, "please wait", "the modem is busy: it starts, or works on another command", R.BUSY,
          remedy="Try again in a moment."),
    _core(536, "locked up", "the modem is locked up", R.BUSY, remedy=_RESTART,
          source="public forum thread 'CME ERROR 536 515'"),
    _core(541, "version mismatch", "the Open AT application was built for another version of the firmware",
          R.APPLICATION_MISSING, remedy="Load an application that was built for this firmware (ATI3)."),
    _core(543, "CMUX", "the multiplexer refuses it", R.NOT_ALLOWED),
    _core(544, "CMUX", "the multiplexer refuses it", R.NOT_ALLOWED),
    _core(545, "CMUX", "the multiplexer refuses it", R.NOT_ALLOWED),
)  # fmt: skip

_AGENT = (
    _agent(700, CommandError, "something happened in the agent that should not",
           remedy="AT+MTERR? says what; restart the module: AT+CFUN=1."),
    _agent(701, CommandError, "a parameter has a value that is not allowed", R.INVALID_PARAMETER),
    _agent(702, CommandError, "another operation is under way", R.BUSY, remedy="Try again when it has ended."),
    _agent(703, CredentialError, "there is no such object in the module", R.SLOT_EMPTY,
           remedy=_LIST),
    _agent(704, CredentialError, "the flash is full", R.STORE_FULL, remedy=_LIST),
    _agent(705, CredentialError, "the flash refused or did not keep what was written", R.DAMAGED_IN_STORE,
           remedy="Try again; if it stays so, erase the objects (AT+WOPEN=0, AT+WOPEN=3) and store them anew."),
    _agent(706, CommandError, "data were announced and did not come in time", R.TIMEOUT, R.BYTES_LOST,
           remedy=_LINE),
    _agent(707, CommandError, "the data came damaged: their CRC is not the announced one", R.BYTES_LOST,
           remedy=_LINE),
    _agent(708, CredentialError, "more data were announced than an object may have", R.TOO_LARGE,
           remedy="Leave certificates out that are not needed."),
    _agent(710, Unsupported, "the agent was built without the Security plug-in: there is no TLS in this module",
           R.NOT_SUPPORTED, remedy=f"Build and load the agent with the plug-in, or {_HOST}"),
    _agent(711, CommandError, "the WIP library gave no channel: the feature is not licensed in this module, or no"
           " memory is left", R.NOT_SUPPORTED, R.OUT_OF_MEMORY, certainty=Certainty.GUESSED,
           remedy="Look at the features (AT+WCFM=5), restart the module and try again."),
    _agent(712, NetworkError, "the bearer is not up", R.NO_PDP_CONTEXT, remedy="Bring it up: modemtls network up"),
    _agent(713, NetworkError, "the bearer could not be opened", R.NO_PDP_CONTEXT, remedy=_NETWORK),
    _agent(714, NetworkError, "the bearer could not be started", R.NO_PDP_CONTEXT, remedy=_NETWORK),
    _agent(715, NetworkError, "there is no connection", R.CONNECTION_LOST),
    _agent(716, CommandError, "a connection is open already", R.BUSY, remedy="There is one at a time: close it first."),
    _agent(717, CredentialError, "verification is asked for, and no CA is named", R.NO_TRUST_ANCHOR,
           remedy="Store the server's CA: modemtls cert trust FILE"),
    _agent(718, CredentialError, "a client certificate is named without its key", R.PROFILE_ILLEGAL,
           remedy="Import both as a pair."),
    _agent(719, CredentialError, "the Security plug-in refused the configuration", R.PROFILE_ILLEGAL, R.MALFORMED,
           certainty=Certainty.GUESSED,
           remedy="AT+MTERR? gives its number. Check that CA, certificate and key are whole PEM objects."),
    _agent(720, CredentialError, "the TLS configuration names the object", R.NOT_ALLOWED,
           remedy="Trust or install another one first, or reset the profile: modemtls profile reset"),
    _agent(721, NetworkError, "the connection ended while data were being sent", R.CONNECTION_LOST),
)  # fmt: skip

_BEARERS = (
    _bearer("WIP_BERR_NO_DEV", "the module has no such bearer", R.NOT_SUPPORTED, remedy=None),
    _bearer("WIP_BERR_ALREADY", "the bearer is open already"),
    _bearer("WIP_BERR_NO_IF", "no network interface is left", R.OUT_OF_MEMORY, remedy=_RESTART),
    _bearer("WIP_BERR_DEV", "the link could not be initialised", R.NO_PDP_CONTEXT),
    _bearer("WIP_BERR_LINE_BUSY", "the line is busy", R.BUSY),
    _bearer("WIP_BERR_NO_ANSWER", "the network does not answer", R.TIMEOUT),
    _bearer("WIP_BERR_NO_CARRIER", "there is no carrier", R.NOT_REGISTERED),
    _bearer("WIP_BERR_NO_SIM", "there is no SIM", R.SIM_ABSENT, remedy=_SIM),
    _bearer("WIP_BERR_PIN_NOT_READY", "the SIM is not ready: it wants its PIN, or has just got it", R.SIM_PIN_REQUIRED,
            R.BUSY, remedy=_PIN),
    _bearer("WIP_BERR_GPRS_FAILED", "the packet network refused the connection", R.NO_PDP_CONTEXT,
            R.REGISTRATION_DENIED, remedy=_APN),
    _bearer("WIP_BERR_PPP_LCP_FAILED", "the link to the network was not negotiated (LCP)", R.NO_PDP_CONTEXT),
    _bearer("WIP_BERR_PPP_AUTH_FAILED", "the network refused the APN's user or password", R.NO_PDP_CONTEXT,
            remedy=_LOGIN),
    _bearer("WIP_BERR_PPP_IPCP_FAILED", "the network gave no address (IPCP)", R.NO_PDP_CONTEXT),
    _bearer("WIP_BERR_PPP_LINK_FAILED", "the link to the network was lost", R.CONNECTION_LOST, remedy=_UP),
    _bearer("WIP_BERR_PPP_TERM_REQ", "the network ended the link", R.CONNECTION_LOST, remedy=_UP),
    _bearer("WIP_BERR_CALL_REFUSED", "the call was refused", R.REFUSED),
)  # fmt: skip

_EVENTS = (
    _row("tls-event", BAD_CERTIFICATE, "Bad certificate", CertificateError,
         "the module refused the server's certificate, and has one number for every cause of that",
         R.NOT_YET_VALID, R.EXPIRED, R.LEAF_AS_ANCHOR, R.MISSING_INTERMEDIATE, R.UNKNOWN_ISSUER, R.UNSUPPORTED_HASH,
         R.WEAK_OR_UNSUPPORTED_KEY, source=_REPORT, certainty=Certainty.DERIVED, remedy=_CLOCK_AND_CA),
    _row("tls-event", "WIP_CEV_PEER_CLOSE", "closed by the server", TlsError,
         "the server closed the connection during the handshake", R.HANDSHAKE_FAILED, R.UNSUPPORTED_VERSION,
         R.NO_COMMON_CIPHER, source=_HEADERS, certainty=Certainty.GUESSED,
         remedy=f"The module speaks TLS 1.0 at most, which servers of today refuse: {_HOST}"),
    _row("tcp-event", "WIP_CEV_PEER_CLOSE", "closed by the server", NetworkError,
         "the server closed the connection", R.REFUSED, source=_HEADERS),
)  # fmt: skip

_WIPSOFT = (
    _wip(800, "there is no such option", R.INVALID_PARAMETER, error=CommandError),
    _wip(801, "an option has a value that is not allowed", R.INVALID_PARAMETER, error=CommandError),
    _wip(802, "no memory is left", R.OUT_OF_MEMORY, error=CommandError, remedy=_RESTART),
    _wip(803, "that is not allowed in the state that the IP stack or the bearer is in", R.NOT_ALLOWED),
    _wip(804, "the bearer is open already", R.NOT_ALLOWED),
    _wip(805, "the network interface is not available", R.NO_PDP_CONTEXT, remedy=_NETWORK),
    _wip(806, "that is not allowed on this bearer", R.NOT_ALLOWED),
    _wip(807, "the line is busy", R.BUSY, remedy=_NETWORK),
    _wip(808, "the network does not answer", R.TIMEOUT, remedy=_NETWORK),
    _wip(809, "there is no carrier", R.NOT_REGISTERED, remedy=_NETWORK),
    _wip(810, "there is no SIM", R.SIM_ABSENT, remedy=_SIM),
    _wip(811, "the SIM is not ready: it wants its PIN, or has just got it", R.SIM_PIN_REQUIRED, R.BUSY,
         remedy=_PIN),
    _wip(812, "the packet network refused the connection", R.NO_PDP_CONTEXT, R.REGISTRATION_DENIED,
         remedy=_APN),
    _wip(813, "the link to the network was not negotiated (LCP)", R.NO_PDP_CONTEXT, remedy=_NETWORK),
    _wip(814, "the network refused the APN's user or password", R.NO_PDP_CONTEXT,
         remedy=_LOGIN),
    _wip(815, "the network gave no address (IPCP)", R.NO_PDP_CONTEXT, remedy=_NETWORK),
    _wip(816, "the network ended the link", R.CONNECTION_LOST, remedy=_UP),
    _wip(817, "the network does not answer any more", R.CONNECTION_LOST, R.TIMEOUT,
         remedy=_UP),
    _wip(818, "an incoming call was refused", R.REFUSED),
    _wip(819, "the ping channel failed", error=CommandError),
    _wip(820, "the configuration could not be written to flash", R.DAMAGED_IN_STORE, error=CommandError),
    _wip(821, "the configuration could not be read from flash", R.DAMAGED_IN_STORE, error=CommandError),
    _wip(838, "no socket is free", R.OUT_OF_MEMORY, error=CommandError, remedy=_RESTART),
    _wip(839, "the channel could not be made", R.OUT_OF_MEMORY, error=CommandError),
    _wip(840, "the socket is in use already", R.BUSY, error=CommandError, remedy="Close it first."),
    _wip(841, "the other side closed the connection", R.CONNECTION_LOST),
    _wip(842, "the host cannot be reached", R.REFUSED, R.NAME_NOT_RESOLVED, remedy="Check the host's name and port."),
    _wip(843, "the connection was reset by the other side", R.CONNECTION_LOST, R.REFUSED,
         remedy="Check host and port, then try again."),
    _wip(844, "the IP stack is in use already", R.NOT_ALLOWED, error=CommandError),
    _wip(845, "the address or socket is in use already", R.BUSY, error=CommandError),
    _wip(846, "the flow of the serial line could not be taken", error=CommandError,
         remedy="Another application or the multiplexer may hold the line: restart the module."),
    _row("cme", 848, "WIPsoft 848", NetworkError, "the packet network is probably not ready yet", R.NO_PDP_CONTEXT,
         R.BUSY, source="reserved in the guide; seen on a WISMO228 while GPRS was not ready",
         certainty=Certainty.GUESSED,
         remedy="Try again in a few seconds; " + _NETWORK[0].lower() + _NETWORK[1:]),
    _wip(850, "WIPsoft gives no cause", error=CommandError),
    _wip(860, "the protocol is not defined, or WIPsoft failed inside", error=CommandError),
    *(
        _wip(number, f"{what} was refused", error=CommandError)
        for number, what in (
            (861, "the user name"), (862, "the password"), (863, "deleting"), (864, "listing"),
            (865, "the authentication"), (866, "a server that is not ready"), (867, "fetching mail"),
            (868, "the size of the mail"), (880, "the sender"), (881, "the recipient"), (882, "the copy's recipient"),
            (883, "the hidden recipient"), (884, "the mail's body"),
        )
    ),
    _wip(830, "the index is out of its range", R.INVALID_PARAMETER, error=CommandError),
    _wip(831, "the socket is not in a state for that: not connected, or its connection has ended", R.CONNECTION_LOST,
         R.NOT_ALLOWED),
    _wip(834, "that is not implemented", R.NOT_SUPPORTED, error=CommandError),
    _wip(837, "the protocol number is wrong", R.INVALID_PARAMETER, error=CommandError),
    *(
        _row("cme", number, f"WIPsoft {number}", CommandError, meaning, *reasons, certainty=Certainty.DERIVED,
             source="the order of the names in the WIPsoft guide 3.11, between numbers that are published")
        for number, meaning, reasons in (
            (832, "the port is out of its range", (R.INVALID_PARAMETER,)),
            (833, "the port is in a state that does not allow it", (R.NOT_ALLOWED,)),
            (835, "the option is not supported", (R.NOT_SUPPORTED,)),
            (836, "no memory is left", (R.OUT_OF_MEMORY,)),
        )
    ),
)  # fmt: skip

COMPANION_ERRORS = with_standard((*_FIRMWARE, *_AGENT, *_BEARERS, *_EVENTS))
WIPSOFT_ERRORS = with_standard((*_FIRMWARE, *_WIPSOFT))
