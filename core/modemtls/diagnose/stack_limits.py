"""A stack profile completed by the limits that a model declares."""

from __future__ import annotations

from dataclasses import replace

from ..errors import Certainty
from ..model import Limits
from ..stack import StackProfile, Trait

__all__ = ["limited_by"]

_SOURCE = "the model's declared limits"


def limited_by(stack: StackProfile, limits: Limits) -> StackProfile:
    """``stack`` with the limits of the model wherever the stack's own statement is only assumed.

    Limits are made for what is stored in a modem; that they hold for what a server sends is likely and
    not known, so what comes from them stays a guess.
    """
    if not stack.key_types.is_known:
        stack = replace(stack, key_types=Trait(limits.key_types, Certainty.GUESSED, _SOURCE))
    if not stack.curves.is_known:
        stack = replace(stack, curves=Trait(limits.curves, Certainty.GUESSED, _SOURCE))
    if not stack.min_rsa_bits.is_known:
        stack = replace(stack, min_rsa_bits=Trait(limits.min_rsa_bits, Certainty.GUESSED, _SOURCE))
    if not stack.max_rsa_bits.is_known and limits.max_rsa_bits is not None:
        stack = replace(stack, max_rsa_bits=Trait(limits.max_rsa_bits, Certainty.GUESSED, _SOURCE))
    if not stack.maximum_version.is_known:
        stack = replace(stack, maximum_version=Trait(limits.max_tls_version, Certainty.GUESSED, _SOURCE))
    return stack
