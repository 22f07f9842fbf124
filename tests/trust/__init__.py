"""What the library promises about hostile input, faults and text, tried at full size.

``python -m tests.trust`` runs every check; docs/trust.md is written from what they find.
"""

from __future__ import annotations

from tests.trust import (
    artifacts,
    faults,
    http,
    kills,
    leaks,
    load,
    mutations,
    readers,
    supply,
    text,
)
from tests.trust.check import Check

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    text.CHECK,
    readers.CHECK,
    http.CHECK,
    artifacts.CHECK,
    kills.CHECK,
    faults.CHECK,
    leaks.CHECK,
    load.CHECK,
    *supply.CHECKS,
    *mutations.CHECKS,
)
"""Every check, in the order of docs/trust.md."""
