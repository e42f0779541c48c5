"""``demo``: the main job on simulated modems, step by step, each with the command that does it.

A real HTTPS server with a CA of its own runs on the loopback, and each refusal is a real handshake or a check
before one.  Nothing of the user's is touched: journal and settings are in a folder that is removed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from ..errors import Reason, Unsupported
from .command import Command, asked
from .connection import complete_model
from .failures import BUG, LocalError
from .output import say, show_json
from .sim import EXTRA
from .walk import CHAIN, HOST, Walk

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["demo"]


@contextlib.contextmanager
def _own_surroundings() -> Iterator[Path]:
    """A folder for journal and files; no settings of the user's count meanwhile."""
    before = {name: value for name, value in os.environ.items() if name.startswith("MODEMTLS_")}
    with tempfile.TemporaryDirectory(prefix="modemtls-demo-") as name:
        folder = Path(name)
        (folder / "modemtls.toml").write_text("", "utf-8")
        for variable in before:
            if variable not in ("MODEMTLS_DISABLE_PLUGINS", "MODEMTLS_TRACEBACK"):
                del os.environ[variable]
        os.environ["MODEMTLS_STATE_DIR"] = str(folder / "state")
        os.environ["MODEMTLS_CONFIG"] = str(folder / "modemtls.toml")
        try:
            yield folder
        finally:
            for variable in ("MODEMTLS_STATE_DIR", "MODEMTLS_CONFIG"):
                os.environ.pop(variable, None)
            os.environ.update(before)


def _simulated(name: str | None) -> list[Model]:
    from ..plugins import registry

    if name is not None:
        model = registry().find(name)
        if model.simulator is None:
            raise Unsupported(
                f"There is no simulated {model.title}.", reasons={Reason.NOT_SUPPORTED}, model=model.name
            )
        return [model]
    found = [model for model in registry().models if model.simulator is not None]
    if not found:
        raise Unsupported(
            "No installed plugin has a simulated modem.",
            remedy="modemtls plugins tells what is installed, and what did not load.",
            reasons={Reason.UNKNOWN_MODEL},
        )
    return found


@click.command(cls=Command, short_help="The main job on simulated modems, step by step.")
@click.option("--model", "name", metavar="NAME", shell_complete=complete_model, help="Only this model.")
@click.pass_context
def demo(ctx: click.Context, name: str | None) -> None:
    """Show the main job on every installed model's simulated modem, offline.

    A request is refused until the right CA is stored; then it succeeds; then the model's classic mistake,
    where one is known, is made, explained and cured. The status is 1 if any step does not go as it should.
    """
    models = _simulated(name)
    try:
        import OpenSSL  # noqa: F401 - what the simulated modems' TLS runs on
        import trustme

        from ..credentials.records import armour
        from ..diagnose.look import from_host
        from ..sim.server import HttpsServer
        from .story import Story
    except ImportError as error:
        raise LocalError(f"Simulated modems need the extra 'sim' ({error}).", EXTRA) from None
    as_json = asked().json
    walks: list[dict[str, Any]] = []
    with _own_surroundings() as folder, HttpsServer(names=(HOST,)) as server:
        right, wrong = folder / "ca.pem", folder / "other-ca.pem"
        right.write_bytes(server.ca_pem)
        wrong.write_bytes(trustme.CA(organization_name="Another CA").cert_pem.bytes())
        seen = from_host("127.0.0.1", server.port).view.chain
        (folder / CHAIN).write_bytes(b"".join(armour("CERTIFICATE", each) for each in seen))
        for model in models:
            # Simulated modems share a serial number: what one was made to trust is not the next one's.
            os.environ["MODEMTLS_STATE_DIR"] = str(folder / f"state-{model.name}")
            query = urlencode(
                {"map": f"{HOST}:443=127.0.0.1:{server.port}", **model.simulator_settings}, safe=":=,"
            )
            if walks and not as_json:
                say()
            with contextlib.ExitStack() as stack:
                walk = (
                    Story(model, folder, stack, silent=as_json)
                    if model.demo_gaps
                    else Walk(model, f"sim://{model.name}?{query}", right, wrong, silent=as_json)
                )
                walk.go()
            walks.append({"model": model.name, "as_expected": walk.as_expected, "steps": walk.steps})
    ok = all(walk["as_expected"] for walk in walks)
    if as_json:
        show_json(ok=ok, models=walks)
    else:
        say()
        say("Everything went as it should." if ok else "NOT everything went as it should: see above.")
    if not ok:
        ctx.exit(BUG)
