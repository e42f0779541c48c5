"""What can be opened, and how a person is told what cannot."""

from __future__ import annotations

import errno
import os
import pickle
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from modemtls.errors import PortError, Reason
from modemtls.op import SetLine
from modemtls.port import PortInfo, list_ports, open_port
from modemtls.ports.holder import holder_of

from .peers import Pty

posix = pytest.mark.skipif(sys.platform == "win32", reason="ttys are POSIX")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux")


def refusal(url: str, **settings: int) -> PortError:
    with pytest.raises(PortError) as caught:
        open_port(url, **settings)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    "url", ["spy:///dev/null", "http://example.test", "HWGREP://x", "weird scheme://x", "://"]
)
def test_an_unknown_kind_of_port_is_answered_with_the_kinds_that_exist(url: str) -> None:
    error = refusal(url)
    assert error.reasons == {Reason.PORT_NOT_FOUND}
    for kind in ("sim://", "socket://", "rfc2217://", "/dev/ttyUSB0", "COM5"):
        assert kind in str(error)


def test_a_replay_of_a_file_that_is_not_there() -> None:
    error = refusal("replay://recording")
    assert error.reasons == {Reason.PORT_NOT_FOUND}
    assert "--record FILE" in str(error)


@posix
@pytest.mark.parametrize("name", ["/dev/no-such-port", "no-such-port", "/dev/null/x", "/dev/tty\0USB0"])
def test_a_missing_device_is_told_with_the_way_to_find_the_present_ones(name: str) -> None:
    error = refusal(name)
    assert error.reasons == {Reason.PORT_NOT_FOUND}
    assert "modemtls ports" in str(error)


def test_an_empty_name_is_no_port() -> None:
    assert refusal("").reasons == {Reason.PORT_NOT_FOUND}


@posix
def test_a_file_and_a_folder_are_no_serial_ports(tmp_path: Path) -> None:
    file = tmp_path / "modem"
    file.write_bytes(b"content")
    assert "not a serial port" in str(refusal(str(file)))
    assert file.read_bytes() == b"content"
    assert refusal(str(tmp_path)).reasons == {Reason.PORT_NOT_FOUND}


@posix
def test_a_port_without_permission_names_group_and_cure(pty: Pty) -> None:
    import grp

    Path(pty.name).chmod(0o060)
    was_root = os.geteuid() == 0
    if was_root:
        os.chown(pty.name, 0, 65533)
        os.seteuid(65534)
    try:
        error = refusal(pty.name)
    finally:
        if was_root:
            os.seteuid(0)
    number = Path(pty.name).stat().st_gid
    group = next((entry.gr_name for entry in grp.getgrall() if entry.gr_gid == number), str(number))
    assert error.reasons == {Reason.PORT_NOT_PERMITTED}
    assert f"usermod -aG {group}" in str(error)
    assert "dialout" in str(error)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("socket://", "no host"),
        ("socket://localhost", "no TCP port"),
        ("socket://localhost:0", "no TCP port"),
        ("socket://localhost:99999", "range"),
        ("socket://localhost:4000/path", "behind the TCP port"),
        ("socket://localhost:4000?logging=debug", "behind the TCP port"),
        ("socket://local\thost:4000", "control character"),
        ("socket://user:hunter2@localhost:4000", "user name"),
        ("rfc2217://localhost", "no TCP port"),
    ],
)
def test_a_bad_address_is_told_what_is_wrong_with_it(address: str, problem: str) -> None:
    error = refusal(address)
    assert error.reasons == {Reason.INVALID_PARAMETER}
    assert problem in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("kind", ["socket", "rfc2217"])
def test_a_refused_connection_is_a_port_error(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    error = refusal(f"{kind}://127.0.0.1:{number}")
    assert error.reasons == {Reason.PORT_NOT_FOUND}
    assert "nothing listens" in str(error)


@pytest.mark.parametrize("baudrate", [0, -9600])
def test_an_impossible_baud_rate_is_refused_at_open(baudrate: int) -> None:
    assert refusal("loop://", baudrate=baudrate).reasons == {Reason.INVALID_PARAMETER}


@linux
def test_a_second_open_in_this_process_is_told_so(pty: Pty) -> None:
    port = open_port(pty.name)
    try:
        error = refusal(pty.name)
    finally:
        port.close()
    assert error.reasons == {Reason.PORT_BUSY}
    assert "this process" in str(error)


@linux
def test_a_refused_second_open_leaves_the_first_as_it_was(pty: Pty) -> None:
    pty.serve()
    port = open_port(pty.name, baudrate=9600)
    try:
        refusal(pty.name, baudrate=115200)
        port.write(b"AT\r", 1)
        assert port.read(2)
        assert _speed(pty) == 9600
    finally:
        port.close()


@linux
def test_the_process_that_holds_the_port_is_named(pty: Pty) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        from modemtls.port import open_port
        port = open_port({pty.name!r})
        print("open", flush=True)
        sys.stdin.read()
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"open\n"
        error = refusal(pty.name)
        command = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        holder.stdin.close()
        assert holder.wait(10) == 0
    assert error.reasons == {Reason.PORT_BUSY}
    assert f"{command} (process {holder.pid})" in str(error)
    open_port(pty.name).close()


@posix
def test_close_gives_the_port_back_even_to_the_next_in_this_process(pty: Pty) -> None:
    for _ in range(3):
        port = open_port(pty.name)
        port.close()
        port.close()


@posix
def test_close_gives_the_port_back_while_a_forked_child_still_has_it(pty: Pty) -> None:
    port = open_port(pty.name)
    descriptor = port.fileno()
    assert descriptor is not None
    copy = os.dup(descriptor)
    try:
        port.close()
        open_port(pty.name).close()
    finally:
        os.close(copy)


@posix
def test_a_pty_has_no_modem_lines_and_everything_works_without(pty: Pty) -> None:
    pty.serve()
    for rtscts in (None, False, True):
        port = open_port(pty.name, rtscts=rtscts)
        try:
            assert not port.has_modem_lines
            port.set_line(SetLine(dtr=False, rts=False, send_break=0.01))
            port.write(b"AT\r", 1)
            assert port.read(2)
        finally:
            port.close()


@posix
def test_the_baud_rate_is_115200_until_it_is_changed(pty: Pty) -> None:
    port = open_port(pty.name)
    try:
        assert _speed(pty) == 115200
        port.set_line(SetLine(baudrate=921600))
        assert _speed(pty) == 921600
        for impossible in (0, 2**40, 2**40):
            with pytest.raises(PortError) as caught:
                port.set_line(SetLine(baudrate=impossible))
            assert caught.value.reasons == {Reason.INVALID_PARAMETER}
            assert _speed(pty) == 921600
        port.set_line(SetLine(baudrate=9600))
        assert _speed(pty) == 9600
    finally:
        port.close()


def test_errors_of_ports_pickle() -> None:
    error = refusal("spy://x")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reasons) == (str(error), error.reasons)


def test_listing_gives_records_in_natural_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from serial.tools import list_ports as pyserial_list
    from serial.tools.list_ports_common import ListPortInfo

    adapter, plain = ListPortInfo("/dev/ttyUSB10"), ListPortInfo("/dev/ttyUSB9")
    adapter.vid, adapter.pid, adapter.serial_number = 0x0403, 0x6001, "A1"
    adapter.description = "modem"
    monkeypatch.setattr(pyserial_list, "comports", lambda: [adapter, plain])
    assert list_ports() == (
        PortInfo("/dev/ttyUSB9"),
        PortInfo("/dev/ttyUSB10", description="modem", vid=0x0403, pid=0x6001, serial_number="A1"),
    )


@linux
def test_a_holder_that_took_no_lock_is_named_too(pty: Pty) -> None:
    assert holder_of(pty.name) == "this process"
    with subprocess.Popen(["cat"], stdin=pty.slave, stdout=subprocess.DEVNULL) as holder:
        pty.hold_slave(held=False)
        # Until it has become "cat", it is a copy of this process with another name.
        while Path(f"/proc/{holder.pid}/comm").read_text() != "cat\n":
            pass
        named = holder_of(pty.name)
        pty.unplug()
        holder.wait(10)
    assert named == f"cat (process {holder.pid})"


def test_a_holder_of_nothing_is_not_known() -> None:
    assert holder_of("/dev/no-such-port") is None
    assert holder_of("with\0zero") is None


@posix
def test_a_line_with_modem_lines_is_exclusive_until_close(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    from modemtls.ports import tty

    # There is no real line here: only the question whether it is one gets another answer.
    monkeypatch.setattr(tty, "_has_modem_lines", lambda descriptor: True)
    Path(pty.name).chmod(0o666)
    for rtscts in (None, False):
        port = open_port(pty.name, rtscts=rtscts)
        flags = termios.tcgetattr(pty.slave)[2]
        assert bool(flags & termios.CRTSCTS) is (rtscts is None)
        assert _open_as_nobody(pty.name) == errno.EBUSY
        port.close()
        assert _open_as_nobody(pty.name) == 0


def _open_as_nobody(name: str) -> int:
    """The error number of a plain open, without a superuser's right to pass TIOCEXCL."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        os.close(os.open(name, os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        return error.errno or -1
    finally:
        if was_root:
            os.seteuid(0)
    return 0


def test_importing_ports_loads_nothing_heavy() -> None:
    program = "import modemtls.port, sys; print([m for m in sys.modules if m.partition('.')[0] in "
    program += "{'serial', 'asyncio', 'cryptography', 'structlog', 'socket', 'h11', 'rich'}])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert loaded.stdout.strip() == "[]"


def _speed(pty: Pty) -> int:
    import termios

    constant = termios.tcgetattr(pty.master)[4]
    return next(
        int(name[1:])
        for name in dir(termios)
        if name[0] == "B" and name[1:].isdecimal() and getattr(termios, name) == constant
    )
