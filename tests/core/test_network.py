"""The way to the network: each missing stage has its own reason, and is known before TLS is tried."""

from __future__ import annotations

from typing import Any

import pytest
from tests.canaries import PASSWORD, PIN

from modemtls import Modem, NetworkError, NetworkSettings, NetworkStatus, Reason, Registration, SimState
from modemtls.https.session import HttpWay
from modemtls.sim.server import HttpsServer
from modemtls.standard import missing_stage

from .bench import commands, inside, opened, restart

both = pytest.mark.parametrize("http", ["stream", "modem"])
MISSING: list[tuple[dict[str, Any], Reason]] = [
    ({"sim": "absent"}, Reason.SIM_ABSENT),
    ({"sim": "failure"}, Reason.SIM_FAILURE),
    ({"sim": "pin"}, Reason.SIM_PIN_REQUIRED),
    ({"sim": "puk"}, Reason.SIM_PUK_REQUIRED),
    ({"registration": "denied"}, Reason.REGISTRATION_DENIED),
    ({"registration": "never"}, Reason.NOT_REGISTERED),
    ({"pdp": "no"}, Reason.NO_PDP_CONTEXT),
    ({"apn_required": "internet"}, Reason.NO_PDP_CONTEXT),
]


def dialled(modem: Modem) -> bool:
    return bool(commands(modem, "AT+SQNSD=") or commands(modem, "AT+SQNHTTPCONNECT"))


@both
@pytest.mark.parametrize(("knobs", "reason"), MISSING, ids=[reason.value for _, reason in MISSING])
def test_each_missing_stage_has_its_own_reason_before_tls(
    server: HttpsServer, http: HttpWay, knobs: dict[str, Any], reason: Reason
) -> None:
    with opened(server, **knobs) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(NetworkError) as caught:
            modem.https("one.test", http=http).get("/")
        assert caught.value.reasons == {reason}
        assert caught.value.remedy
        assert not dialled(modem)


@both
def test_request_brings_the_network_up_by_itself(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, apn_required="internet", given={"apn": "internet"}) as modem:
        assert not modem.network.status().radio_on
        modem.trust(server.ca_pem)
        assert modem.https("one.test", http=http).get("/").status == 200
        assert modem.network.status().is_up


@both
def test_without_attach_the_network_is_left_as_it_is(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, given={"attach": False}) as modem:
        modem.trust(server.ca_pem)
        with pytest.raises(NetworkError) as caught:
            modem.https("one.test", http=http).get("/")
        assert caught.value.reasons == {Reason.RADIO_OFF}
        assert not commands(modem, "AT+CFUN=")
        assert not dialled(modem)
        modem.network.up()
        assert modem.https("one.test", http=http).get("/").status == 200


def test_status_changes_nothing() -> None:
    with opened() as modem:
        before = commands(modem)
        status = modem.network.status()
        assert (status.radio_on, status.registration, status.is_up) == (
            False,
            Registration.NOT_REGISTERED,
            False,
        )
        assert not [line for line in commands(modem)[len(before) :] if "=" in line and "CGPADDR" not in line]


def test_network_that_is_up_is_left_alone() -> None:
    with opened() as modem:
        modem.network.up()
        before = len(commands(modem))
        assert modem.network.up().is_up
        assert not [line for line in commands(modem)[before:] if line.startswith(("AT+CFUN=", "AT+COPS"))]


def test_roaming_is_as_good_as_home() -> None:
    with opened(registration="roaming") as modem:
        assert modem.network.up().registration is Registration.ROAMING


def test_pin_is_given_once_and_the_network_comes_up() -> None:
    with opened(sim="pin", pin=PIN, given={"pin": PIN}) as modem:
        assert modem.network.up().sim is SimState.READY
        assert len(commands(modem, "AT+CPIN=")) == 1


@both
def test_wrong_pin_is_never_tried_twice(server: HttpsServer, http: HttpWay) -> None:
    with opened(server, sim="pin", pin=PIN, given={"pin": "1111"}) as modem:
        modem.trust(server.ca_pem)
        for _ in range(3):
            with pytest.raises(NetworkError) as caught:
                modem.https("one.test", http=http).get("/")
            assert caught.value.reasons == {Reason.SIM_PIN_WRONG}
            assert "1111" not in f"{caught.value} {caught.value.__dict__}"
        with pytest.raises(NetworkError):
            modem.network.up()
        restart(modem)
        with pytest.raises(NetworkError):
            modem.network.up()
        assert len(commands(modem, "AT+CPIN=")) == 1
        assert modem.network.up(NetworkSettings(pin=PIN)).is_up


def test_apn_that_comes_after_attaching_is_used() -> None:
    with opened(apn_required="internet") as modem:
        with pytest.raises(NetworkError) as caught:
            modem.network.up()
        assert caught.value.reasons == {Reason.NO_PDP_CONTEXT}
        assert modem.network.up(NetworkSettings(apn="internet")).pdp_active


def test_apn_is_not_written_when_it_is_there_already() -> None:
    with opened(given={"apn": "internet"}) as modem:
        modem.network.up()
        restart(modem)
        modem.network.up()
        assert len(commands(modem, "AT+CGDCONT=")) == 1


def test_user_and_password_go_with_the_apn() -> None:
    with opened(given={"apn": "internet", "user": "me", "password": PASSWORD}) as modem:
        modem.network.up()
        assert commands(modem, "AT+CGAUTH=") == [f'AT+CGAUTH=1,1,"me","{PASSWORD}"']


@pytest.mark.parametrize("setting", ["apn", "pin", "user", "password"])
def test_setting_that_would_be_a_second_command_is_refused_without_being_shown(setting: str) -> None:
    values = {
        "apn": "internet",
        "user": "me",
        "password": PASSWORD,
        "pin": PIN,
        setting: 'sekret"\r\nAT+CFUN=0',
    }
    with opened(sim="pin", given=values) as modem:
        with pytest.raises(Exception, match="U\\+0022") as caught:
            modem.network.up()
        assert "sekret" not in f"{caught.value} {caught.value.__dict__}"
        assert not [line for line in commands(modem) if "sekret" in line or line == "AT+CFUN=0"]


def test_timeout_is_kept() -> None:
    with opened(registration_delay="100") as modem:
        with pytest.raises(NetworkError) as caught:
            modem.network.up(timeout=10)
        assert caught.value.reasons == {Reason.NOT_REGISTERED}
        assert 10 <= modem._port.now() < 20
        assert modem.network.up().is_up


@both
def test_network_that_went_down_between_two_connections_is_brought_up_again(
    server: HttpsServer, http: HttpWay
) -> None:
    with opened(server) as modem:
        modem.trust(server.ca_pem)
        session = modem.https("one.test", http=http)
        assert session.get("/").status == 200
        restart(modem)
        assert inside(modem).cfun == 0
        assert session.get("/").status == 200


def test_stages_are_named_in_the_order_in_which_they_are_needed() -> None:
    nothing = NetworkStatus(False, SimState.ABSENT, Registration.DENIED, pdp_active=False)
    found = missing_stage(nothing, "x")
    assert found is not None
    assert found.reasons == {Reason.RADIO_OFF}
    assert missing_stage(NetworkStatus(True, SimState.READY, Registration.HOME), "x") is None
    unknown = missing_stage(NetworkStatus(True, SimState.UNKNOWN, Registration.SEARCHING), None)
    assert unknown is not None
    assert unknown.reasons == {Reason.NOT_REGISTERED}
