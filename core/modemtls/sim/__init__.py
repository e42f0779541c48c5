"""Simulated modems: a kit for a vendor's dialect, and the ports that they are reached by.

An author writes a subclass of :class:`CellularSimulator` (or of the bare :class:`Simulator`) whose methods
answer commands (:func:`on`); line handling, echo, prompts, virtual time, restarts, noise, clock, credential
store, SIM, registration, PDP context and a network with real TLS are here.  What needs pyOpenSSL (extra
``sim``) is loaded when a simulated modem first uses its network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .basic import BasicSimulator
from .cellular import CellularSimulator, PdpContext
from .certificates import CertificateFacts, pairs, read_certificates, read_private_key
from .data_mode import DataEnd, DataModeSimulator
from .machine import Timer
from .models import simulator_type
from .ports import SimPort, open_sim
from .problems import Failure, Problem
from .pty import PtyServer
from .reply import Final, Later, Prompt, Raw, Refuse, Result, on
from .settings import SettingInfo, SimSettings, describe, setting, settings_from
from .simulator import Simulator
from .state import Clock, ClockSource, Json, Nvm, StateFile
from .syntax import Parameter, ParameterError, parameters

if TYPE_CHECKING:
    from .faults import Damage, Faults, FaultyLine, FaultyPort, Line
    from .faulty_ends import FaultyPty, FaultySocket
    from .http import HttpAnswer, HttpClient, HttpFault
    from .network import Connection, ConnectionState, Network
    from .tls import Ticket, TlsSettings

__all__ = [
    "BasicSimulator",
    "CellularSimulator",
    "CertificateFacts",
    "Clock",
    "ClockSource",
    "Connection",
    "ConnectionState",
    "Damage",
    "DataEnd",
    "DataModeSimulator",
    "Failure",
    "Faults",
    "FaultyLine",
    "FaultyPort",
    "FaultyPty",
    "FaultySocket",
    "Final",
    "HttpAnswer",
    "HttpClient",
    "HttpFault",
    "Json",
    "Later",
    "Line",
    "Network",
    "Nvm",
    "Parameter",
    "ParameterError",
    "PdpContext",
    "Problem",
    "Prompt",
    "PtyServer",
    "Raw",
    "Refuse",
    "Result",
    "SettingInfo",
    "SimPort",
    "SimSettings",
    "Simulator",
    "StateFile",
    "Ticket",
    "Timer",
    "TlsSettings",
    "describe",
    "on",
    "open_sim",
    "pairs",
    "parameters",
    "read_certificates",
    "read_private_key",
    "setting",
    "settings_from",
    "simulator_type",
]

_LATER = {
    "Damage": "faults",
    "Faults": "faults",
    "FaultyLine": "faults",
    "FaultyPort": "faults",
    "FaultyPty": "faulty_ends",
    "FaultySocket": "faulty_ends",
    "Line": "faults",
    "HttpAnswer": "http",
    "HttpClient": "http",
    "HttpFault": "http",
    "Connection": "network",
    "ConnectionState": "network",
    "Network": "network",
    "Ticket": "tls",
    "TlsSettings": "tls",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
