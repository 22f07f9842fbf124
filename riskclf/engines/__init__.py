"""Engines: each module computes a model's `riskclf.encoder.Outputs` with another library.

`riskclf.encoder.load_engine` loads one by its name. To add one, write a module with a function
``load(directory, *, pad_id, device, batch_size)`` that returns a `riskclf.encoder.Engine`, and add
its name to `riskclf.encoder.ENGINES`.
"""

from __future__ import annotations

__all__: list[str] = []
