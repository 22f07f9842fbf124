"""What the library promises about hostile input, faults and text, tried at full size.

``python -m tests.trust`` runs every check; docs/trust.md is written from what they find.
"""

from __future__ import annotations

from tests.trust.check import Check

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = ()
"""Every check, in the order of docs/trust.md."""
