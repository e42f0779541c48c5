"""The class that an author inherits from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ...policy import Gap, TlsVersion
from .basics import Basics
from .bench import Bench
from .capabilities import Capabilities
from .http import Http
from .secrets import Secrets
from .servers import Servers
from .store import CredentialStore
from .tls import TlsFailures
from .torture import Torture

__all__ = ["DriverConformance"]


class DriverConformance(Basics, Capabilities, CredentialStore, TlsFailures, Http, Secrets, Torture):
    """Everything that modemtls expects of a driver; inherit it in a test file and name the model.

    ``model``: the name that users type.  ``settings``: of its simulated modem, where it needs some.  ``options``: the
    vendor's, ``accept_gaps``: what is accepted as missing; ``None`` takes what the record's demo has.

    ::

        class TestX1(DriverConformance):
            model = "acme-x1"
    """

    model: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}
    options: ClassVar[Mapping[str, Any] | None] = None
    accept_gaps: ClassVar[frozenset[Gap] | None] = None

    #: What the pytest plugin knows a conformance test by.
    is_conformance: ClassVar[bool] = True

    @pytest.fixture(scope="class")
    @classmethod
    def servers(cls, request: pytest.FixtureRequest) -> Iterator[Mapping[bool, Servers]]:
        """Servers of today, and those that are as old as the model's TLS; by whether they are old."""
        if request.config.getoption("--modem-port", None):
            yield {}
            return
        newest = _newest(_name(cls.model, request.config))
        with Servers(TlsVersion.TLS1_3) as today:
            if newest >= TlsVersion.TLS1_2:
                yield {False: today}
                return
            with Servers(newest) as old:
                yield {False: today, True: old}

    @pytest.fixture
    def bench(
        self,
        request: pytest.FixtureRequest,
        servers: Mapping[bool, Servers],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Bench:
        """What a test works with; the journal is one of its own."""
        monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path / "state"))
        return Bench(
            _name(self.model, request.config),
            settings=self.settings,
            options=self.options,
            accept_gaps=self.accept_gaps,
            servers=servers,
            port=request.config.getoption("--modem-port", None),
        )


def _name(model: str, config: pytest.Config) -> str:
    name = model or config.getoption("--modem-model", None)
    if not name:
        raise pytest.UsageError('Name the model: model = "acme-x1" in the class, or --modem-model acme-x1.')
    return str(name)


def _newest(name: str) -> TlsVersion:
    from ...operations import vendor_options
    from ...plugins import find_model
    from ...settings import Settings

    model = find_model(name)
    given = Settings("sim://", options=model.demo_options)
    return model.resolve("", vendor_options(model, given)).limits.max_tls_version
