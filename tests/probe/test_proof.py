"""Proofs on simulated modems that do what they are told, and on ones that lie; and what is left in them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest

import modemtls
from modemtls import (
    Certainty,
    CertificateError,
    Check,
    CredentialError,
    CredentialKind,
    Modem,
    PortError,
    ProofServers,
    Reason,
    Unsupported,
    VerifyPolicy,
    prove,
)
from modemtls.plugins import registry
from modemtls.proof import Proof
from modemtls.sim import SimPort, Simulator
from modemtls.sim.server import HttpsServer

from .line import Watched

OPTIONS: dict[str, dict[str, Any]] = {
    "sequans-gm01q": {
        "valid_level_map": "chain+dates=3, chain+dates+hostname=7",
        "version_map": "1.0=0, 1.1=1, 1.2=2",
    }
}
IN_MODEM = ["sequans-gm02s", "sequans-gm02sp", "sequans-gm01q", "sierra-q2686"]
DATES = {Check.CHAIN, Check.DATES}


@pytest.fixture
def servers() -> Iterator[ProofServers]:
    with ProofServers() as running:
        yield running


def opened(model: str, **settings: object) -> Modem:
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    modem = modemtls.open(f"sim://{model}?{query}", journal=False, options=OPTIONS.get(model))
    modem.clock.set()
    return modem


def inside(modem: Modem) -> Simulator:
    port = modem._port.inner if isinstance(modem._port, Watched) else modem._port
    assert isinstance(port, SimPort)
    return port.simulator


def flash(modem: Modem) -> object:
    """All that lasts in it, but for the clock and modemtls's own HTTP profile."""
    kept: dict[str, Any] = dict(inside(modem).dump_state())
    del kept["clock"]
    kept.pop("http", None)
    unset = ["TLS", 0, base64.b64encode(b"NONE,,,").decode()]  # the same as none at all
    kept["nvm"] = [entry for entry in kept["nvm"] if entry != unset]
    return kept


def every_profile_in_use(modem: Modem) -> None:
    """Six profiles, the owned one with values that no driver would write."""
    for number in range(1, 7):
        modem.command(f'AT+SQNSPCFG={number},1,"0xC02F;0x9999",7,13,4,,"0A0b","me",2,1,77')


def checks(proof: Proof) -> dict[Check, bool]:
    return dict(proof.checks)


def test_all_models_with_tls_are_proved_here() -> None:
    found = [m.name for m in registry().models if m.simulator and m.name != "sierra-q2686-wipsoft"]
    assert sorted(found) == sorted(IN_MODEM)


@pytest.mark.parametrize("model", IN_MODEM)
def test_an_honest_modem_is_proved_and_left_as_it_was(model: str, servers: ProofServers) -> None:
    with opened(model) as modem:
        before = flash(modem)
        proof = prove(modem, servers)
        assert flash(modem) == before
    assert proof.is_proved
    assert (proof.findings, proof.differences, proof.left, proof.error) == ((), (), (), None)
    made = {check for check, is_made in proof.checks if is_made}
    assert made == proof.declared == (DATES if model == "sierra-q2686" else set(Check))
    assert {t.way for t in proof.trials} == ({"stream"} if model == "sierra-q2686" else {"stream", "modem"})


@pytest.mark.parametrize("opaque", ["no", "yes"])
@pytest.mark.parametrize(
    ("lie", "left_out"),
    [("nothing", set(Check)), ("no-dates", {Check.DATES}), ("no-hostname", {Check.HOSTNAME})],
)
@pytest.mark.parametrize("model", IN_MODEM)
def test_a_check_that_is_not_made_is_found_out(
    model: str, lie: str, left_out: set[Check], opaque: str, servers: ProofServers
) -> None:
    with opened(model, lying=lie, opaque=opaque) as modem:
        before = flash(modem)
        proof = prove(modem, servers)
        assert flash(modem) == before
    contradicted = left_out & proof.declared
    assert {check for check, is_made in proof.checks if not is_made} & proof.declared == contradicted
    assert proof.is_proved is not bool(contradicted)
    ways = len({trial.way for trial in proof.trials})
    assert [finding.reason for finding in proof.findings] == [Reason.NOT_VERIFIED] * len(contradicted) * ways
    assert all(finding.certainty is Certainty.DERIVED for finding in proof.findings)
    assert {d.what for d in proof.differences} == {f"check {check.value}" for check in contradicted}
    assert all(difference.is_dangerous for difference in proof.differences)


@pytest.mark.parametrize("model", IN_MODEM)
def test_a_modem_that_uses_no_tls_is_found_out(model: str, servers: ProofServers) -> None:
    with opened(model, lying="plain") as modem:
        proof = prove(modem, servers)
    assert not proof.is_proved
    assert {finding.reason for finding in proof.findings} == {Reason.NOT_TLS}
    assert all(trial.in_the_clear for trial in proof.trials)
    assert [(each.what, each.is_dangerous) for each in proof.differences] == [("TLS", True)]
    assert proof.checks == ()


def test_no_advice_ever_turns_verification_off(servers: ProofServers) -> None:
    for lie in ("nothing", "plain"):
        with opened("sequans-gm02s", lying=lie) as modem:
            for finding in prove(modem, servers).findings:
                assert "insecure" not in f"{finding.message} {finding.remedy}".lower()


def test_what_is_not_declared_and_not_made_is_no_finding(servers: ProofServers) -> None:
    with opened("sierra-q2686") as modem:
        proof = prove(modem, servers)
    assert checks(proof)[Check.HOSTNAME] is False
    assert proof.is_proved


def test_what_is_made_and_not_declared_is_a_difference_and_not_dangerous(servers: ProofServers) -> None:
    with opened("sierra-q2686", check_hostname="yes", sni="yes") as modem:
        proof = prove(modem, servers)
    assert proof.is_proved
    assert [(each.what, each.is_dangerous) for each in proof.differences] == [("check hostname", False)]


@pytest.mark.parametrize("model", ["sequans-gm02s", "sierra-q2686", "sierra-q2686-wipsoft"])
def test_tls_on_this_computer_is_proved_whatever_the_modem_does(model: str, servers: ProofServers) -> None:
    with opened(model, lying="nothing") as modem:
        before = flash(modem)
        proof = prove(modem, servers, tls="host")
        assert flash(modem) == before
    assert proof.is_proved
    assert proof.tls == "host"
    assert checks(proof) == dict.fromkeys(Check, True)


def test_one_way_only(servers: ProofServers) -> None:
    with opened("sequans-gm02s") as modem:
        proof = prove(modem, servers, ways=["modem"])
    assert {trial.way for trial in proof.trials} == {"modem"}
    assert proof.is_proved


def test_a_clock_that_is_wrong_proves_nothing_and_is_said(servers: ProofServers) -> None:
    with opened("sierra-q2686") as modem:
        modem.command('AT+CCLK="98/01/01,00:00:00"')
        before = flash(modem)
        proof = prove(modem, servers)
        assert flash(modem) == before
    assert not proof.is_proved
    assert [trial.station for trial in proof.trials] == ["good"]
    assert isinstance(proof.error, CertificateError)
    assert Reason.CLOCK_UNSET in proof.error.reasons
    assert (proof.checks, proof.findings) == ((), ())


def test_a_model_that_is_not_known_to_verify_is_refused_before_a_byte(servers: ProofServers) -> None:
    with modemtls.open("sim://sequans-gm01q", journal=False) as modem:
        before = list(inside(modem).commands)
        with pytest.raises(Unsupported, match="valid_level_map"):
            prove(modem, servers)
        assert list(inside(modem).commands) == before


def test_a_full_store_is_left_alone(servers: ProofServers) -> None:
    with opened("sequans-gm02s") as modem:
        for slot in modem.limits.preferred_slots:
            modem.credentials.put(servers.authority.intermediate_pem, CredentialKind.CA, slot=slot)
        before = flash(modem)
        with pytest.raises(CredentialError, match="No slot is free"):
            prove(modem, servers)
        assert flash(modem) == before


def test_what_the_application_trusts_and_uses_stays(servers: ProofServers) -> None:
    with (
        HttpsServer() as server,
        opened("sequans-gm02s", map=f"server.test:443=127.0.0.1:{server.port}") as modem,
    ):
        modem.trust(server.ca_pem)
        with modem.https("server.test") as session:
            assert session.get("/").status == 200
            before = flash(modem)
            assert prove(modem, servers).is_proved
            assert flash(modem) == before
            assert session.get("/").status == 200


def test_illegal_values_of_a_profile_are_put_back_exactly(servers: ProofServers) -> None:
    with opened("sequans-gm02s") as modem:
        every_profile_in_use(modem)
        before, shown = flash(modem), modem.command("AT+SQNSPCFG").lines
        assert prove(modem, servers).is_proved
        assert flash(modem) == before
        assert modem.command("AT+SQNSPCFG").lines == shown
        assert "7" in [value for profile in modem.profiles.list() for _, value in profile.fields]


def test_the_only_profile_of_a_model_is_put_back(servers: ProofServers) -> None:
    with opened("sierra-q2686") as modem:
        modem.trust(
            servers.authority.root_pem,
            policy=VerifyPolicy(checks=frozenset(DATES), accept_gaps=frozenset(modemtls.Gap)),
        )
        before = flash(modem)
        assert prove(modem, servers).is_proved
        assert flash(modem) == before


def test_a_profile_that_the_modem_takes_no_more_is_not_touched(servers: ProofServers) -> None:
    with opened("sierra-q2686") as modem:
        modem.trust(
            servers.authority.root_pem,
            policy=VerifyPolicy(checks=frozenset(DATES), accept_gaps=frozenset(modemtls.Gap)),
        )
        simulator: Any = inside(modem)
        simulator.damage("CA", modem.profiles.list()[0].ca_slot)
        before = flash(modem)
        with pytest.raises(Unsupported, match=r"could not be put back.*Nothing was changed"):
            prove(modem, servers)
        assert flash(modem) == before


@pytest.mark.parametrize("model", ["sequans-gm02s", "sequans-gm02s full", "sierra-q2686"])
def test_ctrl_c_after_any_write_leaves_nothing(model: str, servers: ProofServers) -> None:
    interrupted = 0
    name, _, full = model.partition(" ")
    for at in range(1, 400, 5):
        with opened(name) as modem:
            if full:
                every_profile_in_use(modem)
            before = flash(modem)

            def after(count: int, at: int = at) -> None:
                if count == at:
                    raise KeyboardInterrupt

            line = Watched(modem, after)
            try:
                prove(modem, servers, ways=["stream"])
            except KeyboardInterrupt:
                interrupted += 1
            assert flash(modem) == before, f"interrupted after write {at}"
        if line.count < at:
            break
    assert interrupted > 10


@pytest.mark.parametrize("is_full", [False, True])
def test_a_port_that_is_gone_is_said_with_what_stayed(servers: ProofServers, is_full: bool) -> None:
    with opened("sequans-gm02s") as modem:
        if is_full:
            every_profile_in_use(modem)
        is_gone = False

        def after(count: int) -> None:
            nonlocal is_gone
            is_gone = is_gone or bool(inside(modem).connections())
            if is_gone:
                raise PortError("The port is gone.", reasons={Reason.PORT_GONE})

        Watched(modem, after)
        with pytest.raises(PortError) as told:
            prove(modem, servers)
        is_gone = False
    assert "The port is gone" in str(told.value)
    number = modem._ops.security_profile if is_full else 6
    assert f"security profile {number}" in str(told.value)
    assert f"modemtls profile reset {number}" in str(told.value)
    assert ("certValidLevel 7" in str(told.value)) is is_full
    assert "0a0b" not in str(told.value).lower()
    assert "modemtls cert remove 19 --kind ca" in str(told.value)


def test_a_restart_in_the_middle_is_survived(servers: ProofServers) -> None:
    with opened("sequans-gm02s") as modem:
        before = flash(modem)
        done = False

        def after(count: int) -> None:
            nonlocal done
            if not done and inside(modem).connections():
                done = True
                inside(modem).restart()

        Watched(modem, after)
        with pytest.raises(modemtls.ModemError):
            prove(modem, servers)
        assert flash(modem) == before


def test_a_cancelled_proof_is_put_in_order_before_the_next_operation(servers: ProofServers) -> None:
    async def main() -> None:
        async with await modemtls.open_async("sim://sequans-gm02s", journal=False) as modem:
            port: Any = modem._port
            while not isinstance(port, SimPort):
                port = port._port
            await modem.clock.set()
            task = asyncio.ensure_future(modemtls.prove_async(modem, servers))
            while not task.done() and not port.simulator.connections():
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await modem.profiles.list() == ()
            assert [c.slot for c in await modem.credentials.list()] == [0]

    asyncio.run(main())


def test_the_same_on_asyncio(servers: ProofServers) -> None:
    async def main() -> Proof:
        async with await modemtls.open_async("sim://sequans-gm02s", journal=False) as modem:
            return await modemtls.prove_async(modem, servers)

    assert asyncio.run(main()).is_proved


def test_a_killed_proof_is_cleared_away_by_the_next_change(
    servers: ProofServers, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEMTLS_STATE_DIR", str(tmp_path))
    state = tmp_path / "modem.json"

    class Killed(BaseException):
        """The process ends: nothing more is done."""

    with modemtls.open(f"sim://sequans-gm02s?state={state}") as modem:
        simulator = inside(modem)
        is_alive = True

        def after(count: int) -> None:
            nonlocal is_alive
            if is_alive and simulator.connections():
                is_alive = False
                raise Killed

        Watched(modem, after)
        with pytest.raises(Killed):
            prove(modem, servers)
        modem._ops._owed.clear()  # nobody is there to pay
        modem._ops.leases.forget()
    with modemtls.open(f"sim://sequans-gm02s?state={state}") as modem:
        assert 19 in [stored.slot for stored in modem.credentials.list()]
        for profile in modem.profiles.list():
            modem.profiles.reset(profile.number)
        modem.trust(servers.authority.intermediate_pem)
        assert [stored.slot for stored in modem.credentials.list() if stored.slot > 10] in ([18], [19])


def test_a_failure_that_no_server_saw_is_no_proof(servers: ProofServers) -> None:
    """A full server turns the modem away at the others: it says that TLS failed, and has refused nobody."""
    with opened("sequans-gm02s") as modem:

        def after(count: int) -> None:
            if any(seen.target for seen in servers.server.seen):
                servers.server._at_once = 0

        Watched(modem, after)
        proof = prove(modem, servers, ways=["stream"])
    assert proof.checks == ()
    assert not proof.is_proved
    assert len(proof.notes) == 3
    assert all("nothing can be said" in note for note in proof.notes)


def test_a_stranger_at_the_servers_changes_nothing(servers: ProofServers) -> None:
    import socket

    def knock() -> None:
        for station in ("good", "wrong-root"):
            with socket.create_connection(("127.0.0.1", servers.server.ports[station]), 5) as raw:
                raw.sendall(b"GET /robots.txt HTTP/1.1\r\n\r\n")
                raw.recv(10)

    with opened("sequans-gm02s") as modem:
        once: list[int] = []

        def after(count: int) -> None:
            if not once and inside(modem).connections():
                once.append(count)
                knock()

        Watched(modem, after)
        proof = prove(modem, servers)
    assert proof.is_proved
    assert proof.findings == ()
