"""The OpenVINO engine: on a CPU, without importing torch, so that it starts faster than PyTorch.

It computes the files that `riskclf optimize` builds for a model. A window is padded to the next of
a few lengths, whatever it is computed beside, and a batch is one of a few sizes. So a score depends
on its post alone, but for the last digits; and OpenVINO, which makes its code for each shape, does
so only a few times.

`openvino` would report every import to its makers over the network. It finds no package to do so
(`unreported`): riskclf sends nothing anywhere.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskclf.bert import WEIGHTS_FILE, read_config
from riskclf.encoder import ENGINE_FILES, Outputs, pad
from riskclf.engines.openvino_xml import check_shapes, check_xml
from riskclf.errors import ArtifactCorrupt, InputError, MissingExtra
from riskclf.headers import MOST_BYTES
from riskclf.modelfiles import open_regular, read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "OpenvinoEngine",
    "batch_sizes",
    "import_openvino",
    "load",
    "padded_length",
    "suits",
    "unreported",
]

_DEVICES = ("auto", "cpu")
_TELEMETRY = "openvino_telemetry"
_NVIDIA = Path("/proc/driver/nvidia/version")
_HERE = (sys.platform, platform.machine())

# Files whose .bin holds all weights. Others point into model.safetensors behind their own .bin
# (`riskclf.optimization.sharing`).
_ROUNDED = re.compile(rb'<precision value="int8"')

# Up to this length, which nearly every window has, padding goes in small steps.
_SHORT = 64
_STEPS = (4, 32)


class OpenvinoEngine:
    """A model in OpenVINO's format on the CPU."""

    def __init__(
        self,
        xml: bytes,
        weights: NDArray[np.uint8],
        *,
        name: str,
        pad_id: int,
        batch_size: int,
        threads: int | None = None,
    ) -> None:
        """
        Args:
            xml: content of the file that `riskclf.optimization` wrote.
            weights: the bytes that it points into.
            name: of the file, for messages.
            pad_id: id of the padding token.
            batch_size: windows to a batch, 1 or more.
            threads: that it computes on, 1 or more; None takes as many as OMP_NUM_THREADS says, or
                else leaves it to OpenVINO.

        Raises:
            ArtifactCorrupt: the file cannot be used.
            InputError: the batch size or the number of threads is less than 1.
            MissingExtra: openvino is not installed.
        """
        for what, number in (("batch_size", batch_size), ("threads", threads)):
            if number is not None and number < 1:
                raise InputError(f"{what} is {number}: it must be 1 or more")
        self.batch_size = batch_size
        self._pad_id = pad_id
        self._content = xml, weights  # the model reads the weights where they are
        self._settings: dict[str, Any] = {"name": name, "pad_id": pad_id, "threads": threads}
        self._lock = threading.Lock()  # a request computes one batch at a time
        openvino = import_openvino()
        try:
            shared = openvino.Tensor(weights, shared_memory=True)
            self._model = openvino.Core().read_model(xml, shared)
            check_shapes(self._model, len(weights), name)
            says = {
                detail: self._model.get_rt_info(["riskclf", detail]).astype(str)
                for detail in ("precision", "parameters", "positions")
            }
            self.parameters = int(says["parameters"])
            self._positions = int(says["positions"])
            self._widths = {x: _width(self._model, x) for x in ("logits", "pooled", "sentence")}
            self._precision = "bf16" if says["precision"] == "bf16" else "f32"
            self._start(threads or _threads())
        except (RuntimeError, ValueError) as error:
            raise ArtifactCorrupt(
                f"{name} cannot be used with openvino {openvino.__version__} "
                f"({type(error).__name__}): build it again with `riskclf optimize`, or use the "
                "engine pytorch"
            ) from None
        _engines.add(self)

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Most tokens of a window, labels, and width of the pooled and of the sentence vector."""
        widths = self._widths
        return self._positions, widths["logits"], widths["pooled"], widths["sentence"]

    @property
    def where(self) -> str:
        """It computes on the CPU only."""
        return "cpu"

    def compute(self, windows: Sequence[Sequence[int]]) -> Outputs:
        """Logits, pooler output and mean token vector of each window, float32, in their order."""
        found = {
            name: np.zeros((len(windows), width), dtype=np.float32)
            for name, width in self._widths.items()
        }
        by_length: dict[int, list[int]] = defaultdict(list)
        for index, window in enumerate(windows):
            by_length[padded_length(len(window), self._positions)].append(index)
        for length in sorted(by_length, reverse=True):  # if memory does not suffice, it shows first
            indices, start = by_length[length], 0
            for size in batch_sizes(len(indices), self.batch_size):
                rows = indices[start : start + size]
                start += size
                self._infer([windows[row] for row in rows], length, rows, found)
        return Outputs(**found)

    def _infer(
        self,
        windows: Sequence[Sequence[int]],
        length: int,
        rows: list[int],
        found: dict[str, Any],
    ) -> None:
        batch = pad(windows, self._pad_id, length)
        with self._lock:
            if self._request is None:  # in a forked child
                self._start(1)
            computed = self._request.infer(batch, share_inputs=True, share_outputs=True)
            for name, values in found.items():
                values[rows] = computed[name]

    def _start(self, threads: int | None) -> None:
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            # Else a processor that has bf16 would use it unasked, and compute something else.
            "INFERENCE_PRECISION_HINT": self._precision,
            # Nor may it round to 8 bits what was not rounded when the files were built.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._core = import_openvino().Core()
        self._compiled = self._core.compile_model(self._model, "CPU", settings)
        self._request: Any = self._compiled.create_infer_request()

    def __reduce__(self) -> tuple[Any, ...]:
        made = partial(OpenvinoEngine, batch_size=self.batch_size, **self._settings)
        return made, self._content

    def forget_threads(self) -> None:
        """In a forked child: its threads are gone, so all that waits for them is left alone."""
        _left_alone.append((self._core, self._compiled, self._request, self._lock))
        self._lock = threading.Lock()
        self._request = None


def load(
    directory: Path, *, pad_id: int, device: str, batch_size: int, threads: int | None = None
) -> OpenvinoEngine:
    """What `riskclf.encoder.load_engine` calls.

    Raises:
        ArtifactCorrupt: the files cannot be used.
        InputError: the device, the batch size or the number of threads cannot be used.
        MissingExtra: openvino is not installed.
    """
    if device not in _DEVICES:
        raise InputError(
            f"the engine openvino does not compute on device {device!r}: use cpu, or the engine "
            "pytorch"
        )
    xml, *parts = (directory / name for name in ENGINE_FILES["openvino"])
    content = read_text(xml).encode()
    if not _ROUNDED.search(content):
        parts.append(directory / WEIGHTS_FILE)
    weights = np.concatenate([_bytes(part) for part in parts])
    check_xml(content, len(weights), str(xml))
    engine = OpenvinoEngine(
        content, weights, name=str(xml), pad_id=pad_id, batch_size=batch_size, threads=threads
    )
    config = read_config(directory)
    if engine.sizes != (
        config["max_position_embeddings"],
        len(config["id2label"]),
        config["hidden_size"],
        config["hidden_size"],
    ):
        raise ArtifactCorrupt(
            f"{xml} computes another model than config.json describes: build it again with "
            "`riskclf optimize`, or use the engine pytorch"
        )
    return engine


def _bytes(file: Path) -> NDArray[np.uint8]:
    with open_regular(file, MOST_BYTES) as stream:
        return np.fromfile(stream, dtype=np.uint8)


def suits(device: str) -> bool:
    """Whether the engine is the one to choose on this machine, if the model has files for it.

    Chosen where it was tested: on Linux, on processors of Intel's kind. It can be asked for by its
    name elsewhere.
    """
    return (
        device in _DEVICES
        and not (device == "auto" and _NVIDIA.exists())
        and _HERE == ("linux", "x86_64")
        and find_spec("openvino") is not None
    )


def padded_length(length: int, most: int) -> int:
    """To which length a window is padded.

    Args:
        length: of the window.
        most: that the model has positions for.
    """
    step = _STEPS[length > _SHORT]
    return min(most, -(-length // step) * step)


def batch_sizes(count: int, most: int) -> Iterator[int]:
    """Sizes of batches that `count` windows of one length are computed in, from large to small.

    Args:
        count: of windows.
        most: windows to a batch.
    """
    while count:
        size = most if count >= most else 1 << (count.bit_length() - 1)
        yield size
        count -= size


def import_openvino() -> Any:
    """The package, which tells nobody that it was imported.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        with unreported():
            import openvino
    except ImportError:
        raise MissingExtra(
            'the engine openvino needs a package that is not installed: pip install "riskclf[fast]"'
        ) from None
    return openvino


@contextmanager
def unreported() -> Iterator[None]:
    """What is imported inside does not find the package that reports to the makers of OpenVINO."""
    absent = object()
    before: Any = sys.modules.get(_TELEMETRY, absent)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is absent:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = before


def _width(model: Any, output: str) -> int:
    return int(model.output(output).get_partial_shape()[1].get_length())


def _threads() -> int | None:
    """Those that the user asks for; None leaves the number to OpenVINO, which does not ask."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


# Forks --------------------------------------------------------------------------------------------

_engines: weakref.WeakSet[OpenvinoEngine] = weakref.WeakSet()
_left_alone: list[Any] = []
"""Of the parent process: to take it down would wait for threads that a child does not have."""


def _after_fork() -> None:
    for engine in _engines:
        engine.forget_threads()


with contextlib.suppress(AttributeError):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
