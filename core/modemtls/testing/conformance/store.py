"""The credential store: written, listed, replaced, removed; full, reserved, and without power in the middle."""

from __future__ import annotations

import pytest

from ...errors import CredentialError, ModemError, Reason
from ...model import Capability, CredentialKind
from .bench import WAYS, Bench
from .lines import Line
from .marks import simulated
from .servers import strange_ca

__all__ = ["CredentialStore"]

_CA = CredentialKind.CA
_WAY = WAYS["tls-stream"]


def plain(stored: dict[tuple[str, int], bytes]) -> dict[tuple[str, int], bytes]:
    """The credentials that are stored, without differences that are none: line ends, and blanks at the end."""
    return {
        place: data.replace(b"\r\n", b"\n").strip() for place, data in stored.items() if b"-----BEGIN" in data
    }


def holds(bench: Bench, line: Line, pem: bytes) -> list[tuple[str, int]]:
    """Where in the flash exactly this object is."""
    wanted = pem.replace(b"\r\n", b"\n").strip()
    return [place for place, data in plain(bench.stored(line)).items() if data == wanted]


class CredentialStore:
    """Where a model has no store, each of these says so without a byte."""

    def _cas(self, count: int) -> list[bytes]:
        return [strange_ca(f"CA {number}") for number in range(count)]

    def _no_store(self, bench: Bench) -> bool:
        """There is no store: then storing is refused, and that was looked at."""
        if bench.has_store:
            return False
        with bench.modem() as (modem, line), bench.refused(line):
            modem.credentials.put(self._cas(1)[0], _CA)
        return True

    def test_what_is_stored_is_listed_replaced_and_removed(self, bench: Bench) -> None:
        if self._no_store(bench):
            return
        first, second = self._cas(2)
        with bench.modem() as (modem, _):
            before = {each.slot for each in modem.credentials.list()}
            one = modem.credentials.put(first, _CA)
            assert one.slot in bench.resolved.limits.slots
            assert one.slot not in bench.resolved.limits.reserved_slots
            again = modem.credentials.put(first, _CA)
            assert (again.slot, again.written) == (one.slot, False), "what is there already was written again"
            two = modem.credentials.put(second, _CA)
            assert two.slot != one.slot, "a new object was written over an old one"
            if bench.can(Capability.CREDENTIAL_LIST):
                assert {each.slot for each in modem.credentials.list()} - before == {one.slot, two.slot}
            modem.credentials.remove(one.slot, _CA)
            modem.credentials.remove(one.slot, _CA)  # an empty slot stays empty without an error
            if bench.can(Capability.CREDENTIAL_LIST):
                assert {each.slot for each in modem.credentials.list()} - before == {two.slot}
            modem.credentials.remove(two.slot, _CA)

    @simulated
    def test_the_flash_holds_the_very_bytes(self, bench: Bench) -> None:
        if self._no_store(bench):
            return
        [pem] = self._cas(1)
        certificate, key = bench.servers(_WAY).client_credential
        with bench.modem() as (modem, line):
            modem.trust(bench.servers(_WAY).ca_pem)
            put = modem.credentials.put(pem, _CA)
            assert [slot for _, slot in holds(bench, line, pem)] == [put.slot]
            if bench.resolved.enforcement.client_credential:
                modem.install(certificate, key)
                assert holds(bench, line, certificate)
                keys = [data for data in bench.stored(line).values() if b"PRIVATE KEY" in data]
                assert len(keys) == 1
            modem.credentials.remove(put.slot, _CA)
            assert not holds(bench, line, pem)

    @simulated
    def test_what_is_listed_is_what_is_there(self, bench: Bench) -> None:
        if self._no_store(bench) or not bench.can(Capability.CREDENTIAL_LIST):
            return
        [pem] = self._cas(1)
        with bench.modem() as (modem, line):
            put = modem.credentials.put(pem, _CA)
            [shown] = [each for each in modem.credentials.list() if each.slot == put.slot]
            if shown.size is not None:
                [place] = holds(bench, line, pem)
                assert shown.size == len(bench.stored(line)[place])
            if shown.subject is not None:
                assert "CA 0" in shown.subject
            assert shown.kind is not CredentialKind.KEY

    @simulated
    def test_a_new_trust_set_replaces_the_old_one_and_leaves_nothing_of_it(self, bench: Bench) -> None:
        if self._no_store(bench):
            return
        first, second = self._cas(2)
        with bench.modem() as (modem, line):
            modem.trust(first)
            modem.trust(second)
            with bench.session(modem, "stranger", _WAY) as session, pytest.raises(ModemError):
                session.get("/")
            assert holds(bench, line, second)
            modem.trust(bench.servers(_WAY).ca_pem)
            with bench.session(modem, "good", _WAY) as session:
                assert session.get("/").status == 200
            assert len(holds(bench, line, bench.servers(_WAY).ca_pem)) == 1
            assert not holds(bench, line, first), "what nothing trusts any more is still stored"

    @simulated
    def test_a_full_store_is_said_to_be_full_and_keeps_what_it_has(self, bench: Bench) -> None:
        if self._no_store(bench):
            return
        limits = bench.resolved.limits
        slots = limits.preferred_slots or [slot for slot in limits.slots if slot not in limits.reserved_slots]
        with bench.modem() as (modem, line):
            put = [modem.credentials.put(pem, _CA).slot for pem in self._cas(len(slots))]
            assert sorted(put) == sorted(slots), "not every slot was used, or one twice"
            before = bench.stored(line)
            with pytest.raises(CredentialError) as caught:
                modem.credentials.put(strange_ca("one too many"), _CA)
            assert Reason.STORE_FULL in caught.value.reasons
            assert bench.stored(line) == before

    def test_a_reserved_slot_and_one_that_is_none_are_left_alone(self, bench: Bench) -> None:
        if self._no_store(bench):
            return
        limits = bench.resolved.limits
        [pem] = self._cas(1)
        with bench.modem() as (modem, line):
            before = len(line.sent)
            for slot in (*sorted(limits.reserved_slots), limits.slots[-1] + 1, limits.slots[0] - 1):
                with pytest.raises((CredentialError, ModemError)):
                    modem.credentials.put(pem, _CA, slot=slot)
                assert not any(b"CERTIFICATE" in part for part in (bytes(line.sent[before:]),))
            for slot in sorted(limits.reserved_slots):
                with pytest.raises(CredentialError) as caught:
                    modem.credentials.remove(slot, _CA)
                assert Reason.SLOT_RESERVED in caught.value.reasons

    @simulated
    def test_a_certificate_that_is_too_large_is_refused_before_it_is_sent(self, bench: Bench) -> None:
        limit = bench.resolved.limits.max_certificate_bytes
        if self._no_store(bench) or limit is None:
            return
        many = b"".join(self._cas(limit // 500 + 2))
        assert len(many) > limit
        with bench.modem() as (modem, line):
            before = bench.stored(line)
            with pytest.raises(ModemError):
                modem.trust(many)
            assert bench.stored(line) == before

    @simulated
    @pytest.mark.parametrize(
        "share", [0.0, 0.3, 0.9, 1.0], ids=["first byte", "a third", "nearly all", "last byte"]
    )
    def test_a_power_cut_in_the_middle_leaves_the_old_or_the_new(self, bench: Bench, share: float) -> None:
        if self._no_store(bench):
            return
        first, second = self._cas(2)
        with bench.modem() as (modem, line):
            modem.trust(first)
            before = plain(bench.stored(line))
            at = line.simulator._payload_bytes + 1 + round(share * (len(second) - 1))
            object.__setattr__(line.simulator.settings, "reboot_at_byte", at)
            with pytest.raises(ModemError):
                modem.trust(second)
            assert line.simulator.restarts == 1, "the power was never cut"
            after = plain(bench.stored(line))
            assert set(after.items()) >= set(before.items()), "what was trusted before is gone"
            modem.trust(second)
            assert len(holds(bench, line, second)) == 1
            with bench.session(modem, "good", _WAY) as session, pytest.raises(ModemError):
                session.get("/")
            modem.trust(bench.servers(_WAY).ca_pem)
            with bench.session(modem, "good", _WAY) as session:
                assert session.get("/").status == 200
