"""What an .xml for OpenVINO may ask for: nothing but what a BERT needs, checked before it is built.

OpenVINO would also open other formats, which can name files elsewhere, and operations that keep
a state, branch, or draw by chance.
"""

from __future__ import annotations

import re
from typing import Any

from riskclf.errors import ArtifactCorrupt

__all__ = ["check_shapes", "check_xml"]

_LAYER = re.compile(rb"<layer\b[^>]*>")
_TYPE = re.compile(rb'\stype="(\w+)"')
_CONSTANT = re.compile(rb'offset="(\d+)" size="(\d+)"')
_DIGITS = re.compile(rb"\d{16}")

_OPERATIONS = frozenset(
    b"""Abs Add Broadcast Concat Const Convert ConvertLike Divide Equal Erf Exp FakeConvert
    FakeQuantize Floor Gather GatherElements GatherND Gelu Greater GreaterEqual Less LessEqual Log
    LogicalAnd LogicalNot LogicalOr MVN MatMul Maximum Minimum Multiply Negative NotEqual Parameter
    Power Range ReduceMax ReduceMean ReduceSum Relu Reshape Result Round ScaledDotProductAttention
    Select ShapeOf Sigmoid Slice Softmax Split Sqrt SquaredDifference Squeeze StridedSlice Subtract
    Swish Tanh Tile Transpose Unsqueeze VariadicSplit""".split()
)
"""All that is needed for a BERT, in the ways that versions of OpenVINO write one."""

_MOST_NUMBERS = 1 << 26
"""Of a result whose shape does not depend on the posts, where the weights are fewer bytes."""


def check_xml(xml: bytes, weights: int, name: str) -> None:
    """Refuse what is not in OpenVINO's own format, or does more than compute.

    Args:
        xml: content of the file.
        weights: bytes that its constants lie in.
        name: of the file, for messages.

    Raises:
        ArtifactCorrupt: it is no such file, has an operation that no BERT needs, or a constant
            outside the weights.
    """
    if not xml.startswith(b"<?xml") or b"<!" in xml or _DIGITS.search(xml):
        raise _refused(name, "is not in OpenVINO's format as riskclf writes it")
    for layer in _LAYER.findall(xml):
        kind = _TYPE.search(layer)
        if kind is None or kind[1] not in _OPERATIONS:
            shown = "" if kind is None else kind[1].decode()[:40]
            raise _refused(name, f"has an operation that no BERT needs ({shown})")
    if any(int(start) + int(size) > weights for start, size in _CONSTANT.findall(xml)):
        raise _refused(name, "has a constant outside the weights")


def check_shapes(model: Any, weights: int, name: str) -> None:
    """Refuse a model that would hold more numbers than its weights can give.

    Args:
        model: an `openvino.Model` that was read and not yet compiled.
        weights: bytes of the weights.
        name: of the file, for messages.

    Raises:
        ArtifactCorrupt: a shape that does not depend on the posts is too large.
    """
    for operation in model.get_ops():
        for output in operation.outputs():
            count = 1
            for size in output.get_partial_shape():
                count *= max(1, size.get_min_length())
            if count > max(weights, _MOST_NUMBERS):
                raise _refused(name, "has a shape with more numbers than its weights")


def _refused(name: str, what: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(
        f"{name} {what}: build it again with `riskclf optimize`, or use the engine pytorch"
    )
