"""``probe-server``: a TLS server that a modem is pointed at, to learn what its TLS stack does."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import Command, asked
from .connection import complete_model
from .failures import FINDINGS, LocalError
from .output import say, show_json, table

if TYPE_CHECKING:
    from ..model import Resolved
    from ..probe import Difference, ProbeResult, Seen, Station

__all__ = ["probe_server"]

_LOCAL_NAMES = ("localhost", "probe.test", "127.0.0.1")


@click.command("probe-server", cls=Command, short_help="A server that reads why a modem refuses.")
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--first-port", type=click.IntRange(0, 65_000), default=0, show_default="chosen by the system", metavar="N",
    help="The stations are on this port and the next ones.",
)  # fmt: skip
@click.option("--advertise", metavar="HOST", help="The name or address by which the modem gets here.")
@click.option("--station", "stations", multiple=True, metavar="NAME", help="Only these stations.")
@click.option("--seconds", type=click.FloatRange(min=0.1, max=86_400), default=3600.0, show_default=True,
              help="How long to serve.")  # fmt: skip
@click.option("--connections", type=click.IntRange(1, 100_000), default=500, show_default=True,
              help="The most connections in all.")  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Write the root, capabilities.toml and probe.json there; must not exist yet, or be empty.",
)  # fmt: skip
@click.option("--model", metavar="NAME", shell_complete=complete_model, help="Compare with this model.")
@click.pass_context
def probe_server(
    ctx: click.Context,
    listen: str,
    first_port: int,
    advertise: str | None,
    stations: tuple[str, ...],
    seconds: float,
    connections: int,
    out: Path | None,
    model: str | None,
) -> None:
    """Serve chosen certificates and versions of TLS on several ports, and say what a modem made of each.

    A modem that refuses a certificate tells the server why: this one reads it. Trust the root that is printed, point
    the modem at the ports, and end with Ctrl-C. The status is 13 when the modem differs from its model.
    """
    from .. import probe

    if advertise is not None:
        from ..https.message import check_host

        try:
            advertise = check_host(advertise)
        except ValueError as error:
            raise LocalError(f"--advertise: {error}.", "Give a host name or an IP address.") from None
    resolved = None if model is None else _resolved(model)
    chosen = _chosen(stations)
    folder = _folder(out)
    names = (advertise,) if advertise else _LOCAL_NAMES
    authority = probe.Authority()
    say("Making keys and certificates …", err=True)
    prepared = probe.prepare(names, authority, chosen)
    root = folder / "probe-root.pem"
    root.write_bytes(authority.root_pem)
    as_json = asked().json
    server = probe.ProbeServer(
        prepared, listen=listen, first_port=first_port, most=connections, on_seen=None if as_json else _tell
    )
    try:
        with server:
            host = advertise or ("localhost" if _is_loopback(listen) else listen)
            if not as_json:
                _announce(root, host, [each.station for each in prepared], server.ports)
            with contextlib.suppress(KeyboardInterrupt):
                _serve(server, seconds, connections)
    except OSError as error:
        raise LocalError(
            f"The probe server cannot listen on {listen}: {error.strerror or error}.",
            "Give an address of this computer with --listen, and ports that are free with --first-port.",
        ) from None
    result = probe.conclude(server.seen)
    found = () if resolved is None else probe.differences(result, resolved)
    chains = {each.station.name: each.chain.decode("ascii") for each in prepared}
    (folder / "capabilities.toml").write_text(probe.to_toml(result), "utf-8")
    (folder / "probe.json").write_text(
        probe.to_json(server.seen, host=host, ports=server.ports, chains=chains), "utf-8"
    )
    if as_json:
        show_json(**_object(result, server.seen, found, folder))
    else:
        _conclude(result, found, model, folder, server.turned_away)
    if found:
        ctx.exit(FINDINGS)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _resolved(name: str) -> Resolved:
    from ..operations import vendor_options
    from ..plugins import find_model
    from ..settings import Settings

    model = find_model(name)
    return model.resolve("", vendor_options(model, Settings()))


def _chosen(names: tuple[str, ...]) -> list[Station]:
    from ..probe import STATIONS

    known = {station.name: station for station in STATIONS}
    for name in names:
        if name not in known:
            raise LocalError(f"There is no station {name!r}.", f"The stations are {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)] or list(STATIONS)


def _folder(out: Path | None) -> Path:
    if out is None:
        import tempfile

        return Path(tempfile.mkdtemp(prefix="modemtls-probe-"))
    if out.exists() and any(out.iterdir()):
        raise LocalError(f"{out} is not empty.", "Name a folder that is new: nothing is overwritten.")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _serve(server: Any, seconds: float, connections: int) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(server.seen) < connections:
        if server.trouble is not None:
            raise server.trouble
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))


def _announce(root: Path, host: str, stations: list[Station], ports: dict[str, int]) -> None:
    import sys

    shown = f"[{host}]" if ":" in host else host
    say(f"Root of the probe: {root}")
    table(
        ("STATION", "URL", "WHAT IT SHOWS"),
        [(each.name, f"https://{shown}:{ports[each.name]}/", each.shows) for each in stations],
    )
    first = stations[0].name
    say(f"Then, e.g.: modemtls cert trust {root} && modemtls request https://{shown}:{ports[first]}/")
    say("Remember to trust your own CA again afterwards. Ctrl-C ends the probe.")
    sys.stdout.flush()


def _tell(seen: Seen) -> None:
    import sys

    said = {
        "accepted": "accepted",
        "refused": f"refused: alert {seen.alert_name} ({seen.alert})",
        "closed": "closed by the modem without a word",
        "ended": "ended after the handshake, without a request",
        "broken": "damaged: it is not TLS as it should be",
        "nothing-in-common": "no common version or cipher suite",
        "not-tls": f"{seen.spoke} bytes without TLS",
        "silent": "nothing, or not to the end",
    }[seen.outcome.value]
    by = f", {seen.version} {seen.cipher}" if seen.version else ""
    note = f" ({seen.note})" if seen.note else ""
    say(f"{seen.station}: {said}{by}{note}")
    if seen.hello is not None:
        name = seen.hello.server_name
        say(f"  offers {len(seen.hello.suites)} suites, names {'no host' if name is None else name}")
    if seen.reasons:
        say(f"  that can mean: {', '.join(sorted(reason.value for reason in seen.reasons))}")
    sys.stdout.flush()


def _conclude(
    result: ProbeResult, found: tuple[Difference, ...], model: str | None, folder: Path, turned_away: int
) -> None:
    say()
    rows: list[tuple[str, object]] = [
        (f"check {check.value}", "made" if made else "NOT MADE") for check, made in result.checks
    ]
    rows += [
        ("versions", ", ".join(result.versions) or None),
        ("curves and groups", ", ".join(result.groups) or None),
        ("signatures", ", ".join(result.signatures) or None),
        ("cipher suites", " ".join(f"0x{suite:04X}" for suite in result.suites) or None),
        ("names the host (SNI)", {True: "yes", False: "no", None: None}[result.sends_server_name]),
        ("accepted", ", ".join(result.accepted) or "nothing"),
        ("refused", ", ".join(f"{name} ({why})" for name, why in result.refused) or "nothing"),
    ]
    table(("WHAT", "SEEN"), rows)
    for note in result.notes:
        say(f"note: {note}")
    if result.speaks_without_tls:
        say("warning: it spoke without TLS where TLS was expected.")
    if turned_away:
        say(f"note: {turned_away} connections too many were closed.")
    if model is not None:
        say(
            f"Differences from what {model} declares:"
            if found
            else f"Nothing differs from what {model} declares."
        )
        for difference in found:
            mark = "DANGEROUS: " if difference.is_dangerous else ""
            say(f"  {mark}{difference.what}: declared {difference.declared}, seen {difference.seen}")
    say(f"Written: {folder / 'capabilities.toml'}, {folder / 'probe.json'}")


def _object(
    result: ProbeResult, seen: list[Seen], found: tuple[Difference, ...], folder: Path
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "checks": {check.value: made for check, made in result.checks},
        "versions": list(result.versions),
        "groups": list(result.groups),
        "signatures": list(result.signatures),
        "suites": list(result.suites),
        "sends_server_name": result.sends_server_name,
        "speaks_without_tls": result.speaks_without_tls,
        "accepted": list(result.accepted),
        "refused": dict(result.refused),
        "connections": [
            {"station": each.station, "outcome": each.outcome.value, "alert": each.alert,
             "alert_name": each.alert_name, "reasons": sorted(reason.value for reason in each.reasons),
             "version": each.version, "cipher": each.cipher, "note": each.note}
            for each in seen
        ],
        "differences": [asdict(difference) for difference in found],
        "notes": list(result.notes),
        "folder": str(folder),
    }  # fmt: skip
