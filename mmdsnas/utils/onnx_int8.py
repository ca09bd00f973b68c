"""ONNX files in int8."""

import logging
from pathlib import Path
from typing import Any, Iterable, Mapping

from torch import Tensor


def quantize_onnx(
    source: Path, target: Path, batches: Iterable[Mapping[str, Tensor]]
) -> None:
    """Writes an ONNX file in float32 anew, in int8, by ONNX Runtime's quantization.

    Weights are signed, with a scale for each output channel; feature maps are unsigned,
    with one each, from the smallest and the largest value that the batches give.

    Args:
        source (Path): The file in float32.
        target (Path): That in int8.
        batches (Iterable[Mapping[str, Tensor]]): Inputs, by name.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        left = iter(batches)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return batch and {name: x.numpy() for name, x in batch.items()}

    # It advises an optimization that folding the BatchNorm layers has done, by a
    # function that gives a root logger without handlers one of its own.
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        quantize_static(
            source,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Of signed ones, ONNX Runtime computes some in float32 on x86.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.removeHandler(silent)
