"""A model of transformers to OpenVINO's format: converted, and rounded to 8 bits by nncf.

What is converted gives all that an engine gives (`riskclf.encoder.Outputs`), and knows of itself
what `riskclf.engines.openvino` must know: precision, number of weights, and of positions.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from riskclf.encoder import pad
from riskclf.engines.openvino import import_openvino, unreported
from riskclf.engines.pytorch import mean_token_vector, open_classifier, quietly
from riskclf.errors import MissingExtra

__all__ = ["converted", "import_nncf", "quantised", "save"]

_OUTPUTS = ("logits", "pooled", "sentence")

# Added to the attention to padding: far beyond any other, and yet a number of 16 bits.
_FAR = -30_000.0

# SmoothQuant moves the range of activations into weights, the more the higher (0 to 1).
_SMOOTHING = 0.95

_LAYER = re.compile(r"layer\.(\d+)\.")


class _Outputs(torch.nn.Module):
    """A classifier that gives its logits and both vectors, as `PytorchEngine.compute` does."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        # Made here: transformers would look at the values of the mask, which tracing would fix.
        bias = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * _FAR
        body = self.classifier.base_model(input_ids=input_ids, attention_mask=bias)
        logits = self.classifier.classifier(self.classifier.dropout(body.pooler_output))
        sentence = mean_token_vector(body.last_hidden_state, attention_mask)
        return logits, body.pooler_output, sentence


def converted(directory: Path, precision: str) -> Any:
    """The model of a directory, which must have been checked, in OpenVINO's format.

    Args:
        directory: a model directory.
        precision: that it is to be computed with, see `riskclf.encoder.PRECISIONS`.

    Returns:
        An `openvino.Model` with inputs `input_ids` and `attention_mask`, of any number of rows and
        any length, and outputs `logits`, `pooled` and `sentence`.

    Raises:
        ArtifactCorrupt: the weights cannot be used.
        MissingExtra: openvino is not installed.
    """
    openvino = import_openvino()
    classifier, _ = open_classifier(directory, attention="eager")
    classifier.eval()
    example = {name: torch.ones((2, 8), dtype=torch.int64) for name in pad([[0]], 0)}
    with torch.no_grad(), quietly(), _silence():
        model = openvino.convert_model(_Outputs(classifier), example_input=example)
    for value, name in zip(model.outputs, _OUTPUTS, strict=True):
        value.get_tensor().set_names({name})
    details = {
        "precision": precision,
        "parameters": classifier.num_parameters(),
        "positions": classifier.config.max_position_embeddings,
    }
    for name, detail in details.items():
        model.set_rt_info(str(detail), ["riskclf", name])
    return model


def quantised(model: Any, windows: Sequence[Sequence[int]]) -> Any:
    """The model with weights and embeddings, and most matrix products, in 8 bits.

    Weights keep to half of their range: the sums of processors without VNNI would overflow
    otherwise, and a model would compute something else on them.

    Args:
        model: by `converted`.
        windows: of ids, at least one; what ranges activations have is measured on them.

    Raises:
        MissingExtra: nncf is not installed.
    """
    nncf = import_nncf()
    advanced = nncf.AdvancedQuantizationParameters(
        overflow_fix=nncf.OverflowFix.ENABLE,
        smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=_SMOOTHING),
    )
    # One by one, so that no padding is measured.
    samples = [pad([window], 0) for window in windows]
    level = nncf.nncf_logger.level
    nncf.set_log_level(logging.ERROR)
    try:
        with _silence():
            rounded = nncf.quantize(
                model,
                nncf.Dataset(samples),
                target_device=nncf.TargetDevice.CPU,
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(samples),
                ignored_scope=nncf.IgnoredScope(names=_exact(model)),
                advanced_parameters=advanced,
            )
            # The embeddings, which are looked up, and weights of what stays in 32 bits.
            return nncf.compress_weights(rounded, mode=nncf.CompressWeightsMode.INT8_SYM)
    finally:
        nncf.set_log_level(level)


def _exact(model: Any) -> list[str]:
    """Names of what stays in 32 bits: attention, and all that follows it in the last layer.

    With the pooler and the head in 8 bits, logits are shifted; docs/architecture.md has figures.
    """
    names = [
        operation.get_friendly_name()
        for operation in model.get_ops()
        if operation.get_type_name() in ("MatMul", "ScaledDotProductAttention")
    ]
    last = max(int(found[1]) for name in names if (found := _LAYER.search(name)))
    after = re.compile(
        rf"layer\.{last}\.(attention\.output|intermediate|output)\.|pooler\.|classifier\.classifier/"
    )
    return [name for name in names if "attention.self/" in name or after.search(name)]


def save(model: Any, file: Path, *, as_16_bits: bool) -> None:
    """Write the .xml, and the .bin beside it.

    Args:
        model: by `converted` or `quantised`.
        file: the .xml.
        as_16_bits: store numbers of 32 bits as 16.
    """
    import_openvino().save_model(model, file, compress_to_fp16=as_16_bits)


def import_nncf() -> Any:
    """The package, which tells nobody that it is used.

    Raises:
        MissingExtra: it is not installed.
    """
    import_openvino()
    try:
        with unreported():
            import nncf
    except ImportError:
        raise MissingExtra(
            "precision int8 needs a package that is not installed: pip install "
            '"riskclf[optimize]"; or choose another precision'
        ) from None
    return nncf


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the two packages from printing bars, and tracing from warning of what is meant."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
