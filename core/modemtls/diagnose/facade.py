"""``modem.diagnose``, blocking and awaited."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..policy import TlsEndpoint, VerifyPolicy
from ..source import Source, read_source

if TYPE_CHECKING:
    from ..op import Op
    from ..operations import Operations
    from ..stack import StackProfile
    from .look import Look
    from .result import Diagnosis, DiagnosisStep

__all__ = ["AsyncDiagnosable", "Diagnosable"]

T = TypeVar("T")


class Diagnosable:
    """A modem that can be asked why."""

    if TYPE_CHECKING:
        _ops: Operations

        def _run(self, op: Op[T]) -> T: ...

    def diagnose(
        self,
        host: str,
        port: int = 443,
        *,
        target: str = "/",
        policy: VerifyPolicy | None = None,
        http: Literal["stream", "modem"] = "stream",
        tls: TlsEndpoint | None = None,
        profile: int | None = None,
        look: Look | None = None,
        may_look: bool = True,
        ca: Source | None = None,
        attempt: bool = True,
        timeout: float | None = None,
        stack: StackProfile | None = None,
        on_step: Callable[[DiagnosisStep], None] | None = None,
    ) -> Diagnosis:
        """Find out why an HTTPS connection fails: from the line to a real attempt, and what all of it comes to.

        What the modem refuses is part of the result and not raised.  ``http``, ``tls``, ``profile``, ``policy``: as
        for :meth:`https`.  ``look``: the server as seen from elsewhere (:mod:`modemtls.diagnose.look`,
        :mod:`modemtls.diagnose.evidence`); without one, and unless ``may_look`` is false, the server is looked at
        through the modem where that has a plain TCP stream.  ``ca``: what should be in the CA slot.  ``attempt``:
        connect in the end.  ``timeout``: seconds for each connection.  ``stack``: what is known of the modem's TLS
        stack, instead of what its model declares.  ``on_step`` is called with each step when it is done.

        :raises ValueError: ``host`` or ``target`` cannot be asked for.
        :raises CredentialError: ``ca`` cannot be read.
        """
        return self._run(
            _walk(
                self._ops, host, port, on_step, target=target, policy=policy, http=http, tls=tls, profile=profile,
                look=look, may_look=may_look, ca=ca, attempt=attempt, timeout=timeout, stack=stack,
            )
        )  # fmt: skip


class AsyncDiagnosable:
    """A modem that can be asked why."""

    if TYPE_CHECKING:
        _ops: Operations

        def _run(self, op: Op[T]) -> Coroutine[Any, Any, T]: ...

    async def diagnose(
        self,
        host: str,
        port: int = 443,
        *,
        target: str = "/",
        policy: VerifyPolicy | None = None,
        http: Literal["stream", "modem"] = "stream",
        tls: TlsEndpoint | None = None,
        profile: int | None = None,
        look: Look | None = None,
        may_look: bool = True,
        ca: Source | None = None,
        attempt: bool = True,
        timeout: float | None = None,
        stack: StackProfile | None = None,
        on_step: Callable[[DiagnosisStep], None] | None = None,
    ) -> Diagnosis:
        """Find out why an HTTPS connection fails: from the line to a real attempt, and what all of it comes to.

        What the modem refuses is part of the result and not raised.  ``http``, ``tls``, ``profile``, ``policy``: as
        for :meth:`https`.  ``look``: the server as seen from elsewhere (:mod:`modemtls.diagnose.look`,
        :mod:`modemtls.diagnose.evidence`); without one, and unless ``may_look`` is false, the server is looked at
        through the modem where that has a plain TCP stream.  ``ca``: what should be in the CA slot.  ``attempt``:
        connect in the end.  ``timeout``: seconds for each connection.  ``stack``: what is known of the modem's TLS
        stack, instead of what its model declares.  ``on_step`` is called with each step when it is done.

        :raises ValueError: ``host`` or ``target`` cannot be asked for.
        :raises CredentialError: ``ca`` cannot be read.
        """
        return await self._run(
            _walk(
                self._ops, host, port, on_step, target=target, policy=policy, http=http, tls=tls, profile=profile,
                look=look, may_look=may_look, ca=ca, attempt=attempt, timeout=timeout, stack=stack,
            )
        )  # fmt: skip


def _walk(
    modem: Operations,
    host: str,
    port: int,
    on_step: Callable[[DiagnosisStep], None] | None,
    *,
    target: str,
    policy: VerifyPolicy | None,
    ca: Source | None,
    **how: Any,
) -> Op[Diagnosis]:
    from ..https.message import check_host, check_target
    from .walk import Asked, Walk

    asked = Asked(
        check_host(host),
        port,
        check_target(target),
        policy or VerifyPolicy(),
        meant=() if ca is None else read_source(ca).certificates,
        **how,
    )
    return Walk(modem, asked, on_step).run()
