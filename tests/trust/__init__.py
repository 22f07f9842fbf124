"""What the library promises about hostile input, faults and text, tried at full size.

``python -m tests.trust`` runs every check; docs/trust.md is written from what they find.
"""

from __future__ import annotations

from tests.trust import supply
from tests.trust.check import Check
from tests.trust.faults import CHECK as FAULTS
from tests.trust.kills import CHECK as KILLS
from tests.trust.leaks import CHECK as LEAKS
from tests.trust.load import CHECK as LOAD

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (KILLS, FAULTS, LEAKS, LOAD, *supply.CHECKS)
"""Every check, in the order of docs/trust.md."""
