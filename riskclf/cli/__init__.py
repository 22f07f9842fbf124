"""The command line: `riskclf predict`, `evaluate`, `finetune`, `suggest` and `info`."""

from __future__ import annotations

from riskclf.cli.app import main

__all__ = ["main"]
