"""The plugin is found by its entry point where modemtls is installed; a tree that is older than that still knows it."""

from __future__ import annotations

import sys

import pytest

if "modemtls.testing.conformance" not in sys.modules:
    pytest.register_assert_rewrite("modemtls.testing.conformance")
