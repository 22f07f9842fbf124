"""Engines: each module computes a model's `riskclf.encoder.Outputs` with another library.

`riskclf.encoder.load_engine` loads one by its name. To add one, write a module with a function
``load(directory, *, pad_id, device, batch_size, threads)`` that returns a `riskclf.encoder.Engine`,
and add its name to `riskclf.encoder.ENGINES`. An engine that needs files of its own also has a
function ``suits(device)``, which says whether it can be used here without importing its package,
and its files are named in `riskclf.encoder.ENGINE_FILES`.
"""

from __future__ import annotations

__all__: list[str] = []
