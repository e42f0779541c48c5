# mypy: ignore-errors
"""Store credentials with pysequansutils: ``PORT``, actions as JSON on standard input."""

import json
import sys
from logging import getLogger

from pyedbglib.serialport.serialcdc import SerialCDC
from pysequansutils.atdriver import AtDriver
from pysequansutils.firmwareinterface import FirmwareInterface
from pysequansutils.nvmstorage import nvm_erase_slot, nvm_read_slot, nvm_write_slot
from pysequansutils.pysequans_errors import PysequansError


class Board(FirmwareInterface):
    """A board whose firmware is a bridge to the modem for ever: no debugger is asked to program it."""

    def __init__(self, port):
        self.logger = getLogger(__name__)
        self.permanent_arg = "=PERMANENT"
        self.com = SerialCDC(port, self.DEFAULT_BAUD, timeout=10, stopbits=1)
        self.bridge_mode = False


def main():
    driver = AtDriver(Board(sys.argv[1]), bridge_enabled=True)
    actions = {
        "ping": driver.ping,
        "reset": driver.reset,
        "write": lambda *given: nvm_write_slot(driver, *given),
        "erase": lambda *given: nvm_erase_slot(driver, *given),
        "read": lambda *given: nvm_read_slot(driver, *given),
        "command": driver.command_response,
    }
    given = []
    for name, *arguments in json.load(sys.stdin):
        try:
            given.append(actions[name](*arguments))
        except PysequansError as error:
            given.append(f"{type(error).__name__}: {error}")
    driver.com.close()
    print(json.dumps(given))


main()
