"""The options of the commands that talk to a modem, and the way from them to an open modem."""

from __future__ import annotations

import contextlib
import functools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from ..errors import ModemError, PortError, Reason, Unsupported
from ..policy import Gap, TlsEndpoint
from .command import asked
from .failures import LocalError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..modem import Modem
    from ..transcript import Recording

__all__ = ["Connection", "complete_model", "example_port", "modem_options"]

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Connection:
    """How to reach the modem, as the options say; ``None`` is left to ``modemtls.toml`` and the model."""

    port: str | None
    model: str | None
    baudrate: int | None
    timeout: float | None
    apn: str | None
    user: str | None
    pin: str | None = field(repr=False)
    attach: bool | None
    accept_gaps: tuple[Gap, ...] | None
    tls: TlsEndpoint | None
    options: Mapping[str, object] | None

    def open(self) -> Modem:
        """The modem, open: use it with ``with``.

        :raises LocalError: no port is given, or a setting cannot be understood.
        """
        from ..modem import open as open_modem

        if not self.port:
            raise no_port()
        try:
            return open_modem(
                self.port, model=self.model, baudrate=self.baudrate, timeout=self.timeout, apn=self.apn,
                user=self.user, pin=self.pin, attach=self.attach, accept_gaps=self.accept_gaps,
                tls=self.tls, options=self.options, record=_recording(),
            )  # fmt: skip
        except (Unsupported, PortError) as error:
            if error.reasons == {Reason.INVALID_PARAMETER}:
                raise LocalError(error.message, error.remedy or _settings_of(self.port, error)) from None
            raise


def _recording() -> Recording | None:
    """The transcript that was asked for with ``--record``."""
    what = asked()
    if what.record is None:
        return None
    from ..transcript import Recording

    what.recorded = True
    return Recording(what.record, full=what.record_full)


def _settings_of(port: str, error: ModemError) -> str | None:
    """Where the settings of a simulated modem are told."""
    return f"modemtls sim {error.model} --help lists its settings." if port.startswith("sim:") else None


def example_port() -> str:
    """A port that every computer has: the simulated modem of the first model that verifies without options."""
    from ..operations import vendor_options
    from ..plugins import registry
    from ..settings import Settings

    simulated = [model for model in registry().models if model.simulator is not None]
    for model in simulated:
        with contextlib.suppress(Exception):  # a broken plugin; this is an example only
            if model.resolve("", vendor_options(model, Settings())).enforcement.check_sets:
                return f"sim://{model.name}"
    return f"sim://{simulated[0].name}" if simulated else "sim://MODEL"


def no_port() -> LocalError:
    """No port was given: the ways to give one."""
    return LocalError(
        "No port is given.",
        f"Name it with --port URL or in MODEMTLS_PORT; modemtls ports lists those of this computer, and --port"
        f" {example_port()} is a simulated modem that needs no hardware.",
    )


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of installed models for the shell."""
    from click.shell_completion import CompletionItem

    from ..plugins import registry

    return [
        CompletionItem(model.name, help=model.title)
        for model in registry().models
        if model.name.startswith(incomplete)
    ]


def _complete_port(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from ..plugins import registry
    from ..port import list_ports

    found = [CompletionItem(port.device, help=port.description) for port in list_ports()]
    found += [CompletionItem(f"sim://{m.name}", help=m.title) for m in registry().models if m.simulator]
    return [item for item in found if item.value.startswith(incomplete)]


def _vendor_option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.")
    try:
        read = tomllib.loads(f"value = {value}").get("value")
    except tomllib.TOMLDecodeError:
        read = None
    return name, read if isinstance(read, bool | int | float | str) else value


def _vendor_options(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> Mapping[str, object] | None:
    return dict(map(_vendor_option, values)) or None


def _gaps(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Gap, ...] | None:
    return tuple(map(Gap, values)) or None


def modem_options(
    command: Callable[Concatenate[Connection, P], R],
) -> Callable[P, R]:
    """Give a command its options for the modem; it gets them as its first argument."""

    @functools.wraps(command)
    def with_connection(*args: P.args, **values: P.kwargs) -> R:
        names = Connection.__dataclass_fields__
        given: dict[str, Any] = {name: values.pop(name) for name in names}
        return command(Connection(**given), *args, **values)

    decorated: Callable[P, R] = with_connection
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option(
        "--port", envvar="MODEMTLS_PORT", metavar="URL", shell_complete=_complete_port,
        help="Where the modem is: /dev/ttyUSB0, COM5, socket://HOST:PORT, sim://MODEL.  [env: MODEMTLS_PORT]",
    ),
    click.option(
        "--model", metavar="NAME", shell_complete=complete_model,
        help="Which model it is, if it cannot be told apart (modemtls models).",
    ),
    click.option("--baudrate", type=click.IntRange(min=1), metavar="N", help="Instead of trying the usual rates."),
    click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True, max=86_399), metavar="SECONDS",
        help="How long the modem, and then what it waits for, may be silent.",
    ),
    click.option("--apn", metavar="APN", help="The access point for data."),
    click.option("--user", metavar="NAME", help="User at the APN; the password is in MODEMTLS_PASSWORD."),
    click.option(
        "--pin", metavar="PIN", envvar="MODEMTLS_PIN",
        help="The SIM's PIN, never shown; other users may see an option, so prefer MODEMTLS_PIN.",
    ),
    click.option("--attach/--no-attach", default=None, help="Bring the network up when it is needed (default)."),
    click.option(
        "--accept-gap", "accept_gaps", multiple=True, callback=_gaps, metavar="CHECK",
        type=click.Choice([gap.value for gap in Gap]),
        help="Go on without CHECK if the model cannot make it: " + ", ".join(gap.value for gap in Gap) + ".",
    ),
    click.option(
        "--tls", type=click.Choice(["modem", "host"]),
        help="Where TLS runs: in the modem (default where it can), or on this computer over plain TCP of the modem's.",
    ),
    click.option(
        "-O", "--option", "options", multiple=True, callback=_vendor_options, metavar="NAME=VALUE",
        help="An option of the vendor (modemtls models NAME lists them); replaces those in modemtls.toml.",
    ),
)  # fmt: skip
