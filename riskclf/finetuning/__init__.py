"""New posts in, a model that knows them out: `riskclf.finetune`."""

from __future__ import annotations

__all__: list[str] = []
