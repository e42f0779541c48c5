"""Every model of the tree passes the kit."""

from __future__ import annotations

from modemtls.testing import DriverConformance


class TestGm02s(DriverConformance):
    model = "sequans-gm02s"


class TestGm02sp(DriverConformance):
    model = "sequans-gm02sp"


class TestGm01q(DriverConformance):
    model = "sequans-gm01q"


class TestQ2686(DriverConformance):
    model = "sierra-q2686"


class TestQ2686Wipsoft(DriverConformance):
    model = "sierra-q2686-wipsoft"
