"""``models`` and ``plugins``: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..endpoint import usable
from ..policy import Check, TlsEndpoint, VerifyPolicy
from .command import Command, asked
from .connection import complete_model
from .output import facts, say, show_json, table

if TYPE_CHECKING:
    from ..model import Limits, Model, Resolved
    from ..policy import Enforcement

__all__ = ["WHERE_TLS_RUNS", "models", "newest_tls", "plugins"]

WHERE_TLS_RUNS: dict[tuple[TlsEndpoint, ...], str] = {
    ("modem",): "in the modem",
    ("modem", "host"): "in the modem, or on this computer when asked for (--tls host)",
    ("host",): "on this computer only: the modem has plain TCP and no TLS",
}


def _resolved(model: Model) -> Resolved:
    from ..operations import vendor_options
    from ..settings import Settings

    return model.resolve("", vendor_options(model, Settings()))


def _where(resolved: Resolved) -> tuple[TlsEndpoint, ...]:
    """Where TLS can run; first where it does unless something else is said."""
    return usable(resolved.capabilities)


def _enforcement(resolved: Resolved) -> Enforcement:
    """What is enforced where TLS runs: by the model, or by this computer for a model that has TCP only."""
    if _where(resolved)[0] == "modem":
        return resolved.enforcement
    from ..https.host_tls import abilities

    return abilities(VerifyPolicy())


def newest_tls(where: TlsEndpoint, limits: Limits) -> str:
    """The newest version of TLS, of the model or of this computer."""
    if where == "modem":
        return str(limits.max_tls_version)
    from ..https.host_tls import abilities

    return str(max(abilities(VerifyPolicy()).maximum_versions))


def _check_sets(resolved: Resolved) -> list[str]:
    """The sets of checks that can be made, the smallest first."""
    sets = [[check.value for check in Check if check in made] for made in _enforcement(resolved).check_sets]
    return [" + ".join(made) for made in sorted(sets, key=len) if made]


def _ranges(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _limits(limits: Limits) -> dict[str, Any]:
    usable = [slot for slot in limits.slots if slot not in limits.reserved_slots]
    return {
        "max_certificate_bytes": limits.max_certificate_bytes,
        "max_key_bytes": limits.max_key_bytes,
        "usable_slots": usable,
        "security_profiles": list(limits.security_profiles),
        "http_profiles": list(limits.http_profiles),
        "sockets": list(limits.sockets),
        "key_types": sorted(limits.key_types),
        "max_rsa_bits": limits.max_rsa_bits,
        "http_methods": sorted(limits.http_methods),
        "max_http_headers": limits.max_http_headers,
        "max_http_header_bytes": limits.max_http_header_bytes,
        "max_http_upload_bytes": limits.max_http_upload_bytes,
    }


def _option_names(model: Model) -> list[str]:
    from dataclasses import fields

    from ..plugins import load_object

    if model.options is None:
        return []
    return [f"{each.name} = {each.default!r}" for each in fields(load_object(model.options))]


def _details(model: Model) -> dict[str, Any]:
    resolved = _resolved(model)
    enforcement = _enforcement(resolved)
    where = _where(resolved)
    return {
        "name": model.name,
        "title": model.title,
        "vendor": model.vendor,
        "simulator": model.simulator is not None,
        "capabilities": sorted(capability.value for capability in resolved.capabilities),
        "tls": list(where),
        "checks": _check_sets(resolved),
        "tls_minimum": [str(version) for version in sorted(enforcement.minimum_versions)],
        "tls_maximum": [str(version) for version in sorted(enforcement.maximum_versions)],
        "tls_newest": newest_tls(where[0], resolved.limits),
        "cipher_suites": sorted(f"0x{suite:04X}" for suite in enforcement.cipher_suites or ()),
        "client_credential": enforcement.client_credential or where[0] == "host",
        "psk": enforcement.psk,
        "resumption": enforcement.resumption,
        "unknown": list(dict.fromkeys(sentence for _, sentence in enforcement.unknown_because)),
        "limits": _limits(resolved.limits),
        "options": _option_names(model),
        "baudrates": list(model.baudrates),
        "assumptions": list(model.assumptions),
        "sources": list(model.sources),
    }


def _show(model: Model) -> None:
    found = _details(model)
    limits = found["limits"]
    has_store = bool(limits["usable_slots"])
    yes = [name for name in ("client_credential", "psk", "resumption") if found[name]]
    facts(
        [
            ("model", found["name"]),
            ("title", found["title"]),
            ("vendor", found["vendor"]),
            ("simulated modem", f"sim://{model.name}" if found["simulator"] else "none"),
            ("can", ", ".join(found["capabilities"])),
            ("TLS runs", WHERE_TLS_RUNS[tuple(found["tls"])]),
            ("can verify", found["checks"] or "nothing that is known"),
            ("not known", found["unknown"]),
            ("newest TLS", found["tls_newest"]),
            ("minimum can be", ", ".join(found["tls_minimum"]) or "not set"),
            ("maximum can be", ", ".join(found["tls_maximum"]) or "not set"),
            ("cipher suites", f"{len(found['cipher_suites'])} can be chosen (--json lists them)"),
            ("can use", ", ".join(name.replace("_", " ") for name in yes) or None),
            ("certificate up to", _bytes(limits["max_certificate_bytes"]) if has_store else None),
            ("key up to", _bytes(limits["max_key_bytes"]) if has_store else None),
            ("key types", ", ".join(limits["key_types"]) if has_store else None),
            ("slots", _ranges(limits["usable_slots"]) or "none: the trust set is on this computer"),
            ("security profiles", _ranges(limits["security_profiles"]) or None),
            ("HTTP profiles", _ranges(limits["http_profiles"]) or None),
            ("sockets", _ranges(limits["sockets"])),
            ("own HTTP client", ", ".join(limits["http_methods"]) or None),
            ("baud rates", ", ".join(map(str, found["baudrates"]))),
            ("vendor options", found["options"]),
            ("assumed", found["assumptions"]),
            ("sources", found["sources"]),
        ]
    )


def _details_or_error(model: Model) -> dict[str, Any]:
    try:
        return _details(model)
    except Exception as error:  # one broken plugin must not hide the others
        return {"name": model.name, "title": model.title, "vendor": model.vendor, "error": str(error)}


def _row(model: Model) -> tuple[object, ...]:
    try:
        resolved = _resolved(model)
    except Exception as error:  # one broken plugin must not hide the others
        return model.name, model.title, model.vendor, None, f"broken: {error}", None
    where = _where(resolved)
    verifies = "; ".join(_check_sets(resolved)) or "not known"
    return (
        model.name,
        model.title,
        model.vendor,
        ", ".join(where),
        verifies,
        newest_tls(where[0], resolved.limits),
    )


def _bytes(count: int | None) -> str:
    return "not published" if count is None else f"{count} bytes as PEM"


@click.command(cls=Command, short_help="Models: what they can do, their limits.")
@click.argument("name", required=False, metavar="[MODEL]", shell_complete=complete_model)
def models(name: str | None) -> None:
    """List the models, or tell what one can do, its limits, and what of it is assumed."""
    from ..plugins import registry

    if name is not None:
        model = registry().find(name)
        if asked().json:
            show_json(**_details(model))
        else:
            _show(model)
        return
    found = registry().models
    if asked().json:
        show_json(models=[_details_or_error(model) for model in found])
        return
    table(("MODEL", "TITLE", "VENDOR", "TLS IN", "CAN VERIFY", "NEWEST TLS"), map(_row, found))
    for plugin in registry().plugins:
        if plugin.error:
            say(f"Plugin {plugin.name} has trouble: {plugin.error}", err=True)


@click.command(cls=Command, short_help="Plugins with versions and load errors.")
def plugins() -> None:
    """List the plugins with their versions, models, and errors when they were loaded."""
    from ..plugins import registry

    found = registry().plugins
    if asked().json:
        show_json(
            plugins=[
                {
                    "name": p.name,
                    "distribution": p.distribution,
                    "version": p.version,
                    "models": [model.name for model in p.models],
                    "error": p.error,
                }
                for p in found
            ]
        )
        return
    table(
        ("PLUGIN", "DISTRIBUTION", "VERSION", "MODELS", "ERROR"),
        [
            (p.name, p.distribution, p.version, ", ".join(m.name for m in p.models) or None, p.error)
            for p in found
        ],
    )
