"""ONNX."""

import json
import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator

import torch
from torch import Tensor
from torch.export import ExportedProgram

from mmdsnas.errors import ExportError
from mmdsnas.utils.onnx_int8 import quantize_onnx
from ..network import BATCH, INPUT, OUTPUT
from .child_format import METADATA, ChildFormat, Metadata, Run


class OnnxFormat(ChildFormat):
    """ONNX, for ONNX Runtime and whatever else reads it.

    The metadata are under the key ``metadata.json`` of the model's properties.
    """

    name = 'onnx'
    suffix = '.onnx'
    # torch's exporter needs the last.
    packages = 'onnx', 'onnxruntime', 'onnxscript'
    extra = 'export'

    def write(self, program: ExportedProgram, path: Path, metadata: Metadata) -> None:
        """See the base class."""
        import onnx

        # Whatever an exporter cannot do has an error of its own.
        try:
            with _quiet():
                model = torch.onnx.export(
                    program,
                    dynamo=True,
                    verbose=False,
                    input_names=[INPUT],
                    output_names=[OUTPUT],
                    dynamic_shapes={INPUT: {0: BATCH}},
                ).model_proto
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise ExportError(
                f'torch.onnx cannot export this child; pt2 may be possible: {reason}'
            ) from error
        # What torch notes of each node: its module, the lines of its source.
        graph = model.graph
        values = *graph.input, *graph.output, *graph.value_info, *graph.initializer
        for part in (model, graph, *graph.node, *values):
            del part.metadata_props[:]
        onnx.helper.set_model_props(model, {METADATA: json.dumps(metadata)})
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())

    def runner(self, path: Path) -> Run:
        """See the base class."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors
        session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )

        def run(inputs: Tensor) -> Tensor:
            (logits,) = session.run(None, {INPUT: inputs.numpy()})
            return torch.from_numpy(logits)

        return run

    def quantize(
        self,
        program: ExportedProgram,
        source: Path,
        target: Path,
        inputs: Iterable[Tensor],
    ) -> None:
        """Writes a file in float32 anew, in int8, by ONNX Runtime's quantization.

        Weights have a scale for each output channel, feature maps one each, from the
        smallest and the largest value that the inputs give. These are batches for the
        network.
        """
        quantize_onnx(source, target, ({INPUT: batch} for batch in inputs))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of itself, such as a missing torchvision."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action='ignore'):
            yield
    finally:
        logger.setLevel(level)
