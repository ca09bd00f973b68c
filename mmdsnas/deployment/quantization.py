"""ONNX files in int8, by ONNX Runtime's static quantization."""

import logging
from pathlib import Path
from typing import Dict, Iterable, Iterator, Optional

import numpy as np

from mmdsnas.datasets.packed_images import Batch
from .network import INPUT, Network


def quantize(
    source: Path, target: Path, network: Network, batches: Iterable[Batch]
) -> None:
    """Writes an ONNX file anew with weights and feature maps in int8.

    Weights have a scale for each output channel, feature maps one each, from the
    smallest and the largest value that the images give.

    Args:
        source (Path): A file of the network in float32.
        target (Path): The file to be written.
        network (Network): What was exported; it makes the inputs.
        batches (Iterable): Images of a test pipeline for the calibration.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.inputs = _inputs(network, batches)

        def get_next(self) -> Optional[Dict[str, np.ndarray]]:
            return next(self.inputs, None)

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
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.removeHandler(silent)


def _inputs(
    network: Network, batches: Iterable[Batch]
) -> Iterator[Dict[str, np.ndarray]]:
    for images, _ in batches:
        yield {INPUT: network.inputs(images).numpy()}
