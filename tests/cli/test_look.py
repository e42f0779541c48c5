"""The commands that look: models, plugins, explain, ports, info, clock, network, demo."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
import serial.tools.list_ports
from serial.tools.list_ports_common import ListPortInfo

from modemtls import find_model
from modemtls.cli.walk import Walk
from modemtls.plugins import registry
from modemtls.sim import PtyServer, settings_from, simulator_type
from modemtls.sim.server import HttpsServer

from .tool import MODEL, run, sim


def test_models_are_listed_with_what_they_verify() -> None:
    lines = run("models").out.splitlines()
    assert lines[0].split("\t") == ["MODEL", "TITLE", "VENDOR", "TLS IN", "CAN VERIFY", "NEWEST TLS"]
    rows = {line.split("\t")[0]: line.split("\t")[4] for line in lines[1:]}
    assert rows["sequans-gm01q"] == "not known"
    assert rows[MODEL] == "chain + dates; chain + dates + hostname"
    assert {model["name"] for model in run("models", "--json").json["models"]} == set(rows)


def test_one_model_has_limits_assumptions_and_sources() -> None:
    found = run("models", MODEL, "--json").json
    assert found["limits"]["max_certificate_bytes"] == 8192
    assert 3 not in found["limits"]["usable_slots"]
    assert found["assumptions"]
    assert found["sources"]
    text = run("models", MODEL).out
    assert "slots\t5-6, 11-19\n" in text
    assert "assumed\tNever run on hardware" in text
    assert run("models", "nope").status == 7


def test_what_is_not_known_of_a_model_is_said() -> None:
    assert "valid_level_map" in run("models", "sequans-gm01q").out


def test_plugins() -> None:
    found = run("plugins", "--json").json["plugins"]
    own = next(plugin for plugin in found if plugin["name"] == "sequans")
    assert own["distribution"] == "modemtls"
    assert MODEL in own["models"]
    assert own["error"] is None
    assert run("plugins").out.startswith("PLUGIN\tDISTRIBUTION\tVERSION\tMODELS\tERROR\n")


def test_explain_a_code() -> None:
    ran = run("explain", MODEL, "http", "77")
    assert ran.status == 0
    assert "SSL_CACERT_BADFILE" in ran.out
    assert "how sure\tderived" in ran.out
    found = run("explain", MODEL, "http", "77", "--json").json
    assert found["class"] == "TlsError"
    assert "profile-illegal" in found["reasons"]


def test_explain_a_negative_code() -> None:
    assert run("explain", MODEL, "socket", "-5", "--json").json["number"] == -5
    assert run("explain", MODEL, "socket", "--nonsense").status == 2


def test_explain_lists_namespaces_and_codes() -> None:
    everything = run("explain", MODEL, "--json").json
    assert {"http", "cme", "final"} <= set(everything["namespaces"])
    only = run("explain", MODEL, "http").out.splitlines()[1:]
    assert {line.split("\t")[0] for line in only} == {"http"}


def test_explain_what_nobody_has_published() -> None:
    ran = run("explain", MODEL, "http", "9999")
    assert ran.status == 2, "no modem refused anything: the argument names what is not known"
    assert "Nobody has published" in ran.err
    assert run("explain", MODEL, "colour").status == 2
    assert run("explain", "nope", "http", "1").status == 7
    found = run("explain", MODEL, "http", "9999", "--json").error
    assert "http 9999" in found["message"]
    others = found["remedy"].partition("other namespaces are ")[2].strip(".").split(", ")
    assert "cme" in others
    assert "http" not in others


def test_info(modem: str) -> None:
    found = run("info", "--json").json
    assert found["model"] == MODEL
    assert found["serial"]
    assert f"model\tSequans GM02S (Monarch 2) ({MODEL})\n" in run("info").out


def test_the_modem_contradicting_the_given_model_is_refused() -> None:
    assert run("info", "--port", sim(), "--model", "sequans-gm01q").status == 7


def test_an_unset_clock_is_warned_of_and_set(modem: str) -> None:
    ran = run("clock")
    assert "set\tno" in ran.out
    assert "warning\tThe clock is not set" in ran.out
    assert run("clock", "--set", "now", "--json").json["warning"] is None
    assert run("clock", "--json").json["is_set"] is True


def test_a_clock_that_is_far_off_is_warned_of(modem: str) -> None:
    found = run("clock", "--set", "2026-05-01T12:00:00+02:00", "--json").json
    assert datetime.fromisoformat(found["time"]) == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert "days behind" in found["warning"] or "days ahead" in found["warning"]


def test_a_time_without_a_zone_is_utc(modem: str) -> None:
    found = run("clock", "--set", "2026-05-01 12:00", "--json").json
    assert datetime.fromisoformat(found["time"]) == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_clock_from_the_network(modem: str) -> None:
    found = run("clock", "--set", "network", "--json").json
    assert found["is_set"] is True
    assert abs(found["difference_seconds"]) < 86_400


def test_network_status_changes_nothing_and_up_does(modem: str) -> None:
    down = run("network")
    assert "network\tdown" in down.out
    assert "network up" in down.err
    found = run("network", "up", "--json").json
    assert found["up"] is True
    assert found["registration"] == "home"


def test_the_wire_is_shown_and_logged_when_asked(modem: str, tmp_path: Path) -> None:
    assert run("info").err == ""
    some = run("info", "-v").err
    assert "AT+CGMM" not in some
    assert "AT+CGMM" in run("info", "-vv").err
    assert "AT+CGMM" in run("-vv", "info").err
    assert "AT+CGMM" in run("-v", "info", "-v").err
    quiet = run("info", "--log", str(tmp_path / "log"))
    assert quiet.err == ""
    assert "AT+CGMM" in (tmp_path / "log").read_text("utf-8")
    assert run("info").err == "", "logging ends with its command"
    assert [type(handler) for handler in logging.getLogger("modemtls").handlers] == [logging.NullHandler]


def test_json_before_or_after_the_name(modem: str) -> None:
    assert run("--json", "info").json == run("info", "--json").json


def serial_ports(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    def listed(include_links: bool = False) -> list[ListPortInfo]:
        return [ListPortInfo(path) for path in paths]

    monkeypatch.setattr(serial.tools.list_ports, "comports", listed)


def test_ports_says_what_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kind = simulator_type(MODEL)
    silent = kind(settings_from(kind.settings_type, {"silent": "yes"}))
    with PtyServer(kind(kind.settings_type())) as modem, PtyServer(silent) as nobody:
        serial_ports(monkeypatch, modem.path, nobody.path, str(tmp_path / "gone"))
        ran = run("ports", "--timeout", "2", "--json")
    assert ran.status == 0
    found = {port["port"]: port for port in ran.json["ports"]}
    assert found[modem.path]["state"] == "modem"
    assert found[modem.path]["model"] == MODEL
    assert found[nobody.path]["state"] == "silent"
    assert found[str(tmp_path / "gone")]["state"] == "closed"


def test_ports_without_probe_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    serial_ports(monkeypatch, "/dev/does-not-exist")
    assert run("ports", "--no-probe").out.splitlines()[1] == "/dev/does-not-exist\t-\tnot asked"


def test_no_ports_at_all_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    serial_ports(monkeypatch)
    ran = run("ports")
    assert ran.status == 0
    assert f"sim://{MODEL}" in ran.err


def test_the_demo_shows_refusal_mistake_and_cure(own_surroundings: Path) -> None:
    ran = run("demo")
    assert ran.status == 0, ran.out
    for name in ("GM01Q", "GM02S", "GM02SP"):
        assert f"Sequans {name} " in ran.out
    assert "no-trust-anchor" in ran.out
    assert "unknown-issuer" in ran.out
    assert "certValidLevel 7 in security profile 1 is illegal" in ran.out
    assert "The cure" in ran.out
    without = [model for model in registry().models if model.demo_mistake is None and not model.demo_gaps]
    assert ran.out.count("No classic mistake is known for this model.") == len(without)
    assert "which is what it says when nobody has set it" in ran.out, "the story of the Q2686"
    assert "NOT" not in ran.out
    assert not list(own_surroundings.rglob("journal*")), "the user's journal was touched"


def test_the_demo_of_one_model_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEMTLS_MODEL", "what-the-user-set-does-not-count")
    found = run("demo", "--model", MODEL, "--json").json
    assert found["ok"] is True
    (walk,) = found["models"]
    assert walk["model"] == MODEL
    assert [step["as_expected"] for step in walk["steps"]] == [True] * 14
    assert [bool(step["error"]) for step in walk["steps"]].count(True) == 3
    assert all(step["commands"] for step in walk["steps"])
    assert run("demo", "--model", "nope").status == 7


def test_the_demo_notices_a_refusal_that_does_not_come(server: HttpsServer, ca: str) -> None:
    port = sim(map=f"server.test:443=127.0.0.1:{server.port}")
    walk = Walk(find_model(MODEL), port, Path(ca), Path(ca), silent=True)
    walk.go()
    wrong = [step["title"] for step in walk.steps if not step["as_expected"]]
    assert "With another CA the handshake itself refuses the server" in wrong
    assert not walk.as_expected


@pytest.mark.parametrize("command", [("models",), ("plugins",), ("explain", MODEL), ("ports", "--no-probe")])
def test_json_is_one_object(command: tuple[str, ...]) -> None:
    ran = run(*command, "--json")
    assert isinstance(json.loads(ran.out), dict)
    assert ran.err == ""
