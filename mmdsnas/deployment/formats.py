"""The kinds of files that a child is exported to."""

import io
import json
import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import torch
from torch import Tensor
from torch.export import ExportedProgram

from mmdsnas.errors import ConfigError, ExportError
from .network import BATCH, INPUT, OUTPUT

Run = Callable[[Tensor], Tensor]

METADATA = 'metadata.json'


class OnnxFormat:
    """ONNX, for ONNX Runtime and whatever else reads it.

    The metadata are JSON, under the key ``metadata.json`` of the model's properties.

    Raises:
        ConfigError: The packages that it needs are not installed.
    """

    suffix = '.onnx'

    def __init__(self) -> None:
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            import onnxscript  # noqa: F401, torch's exporter needs it
        except ImportError as error:
            raise ConfigError(
                f'--format onnx needs the package {error.name}, which is not '
                "installed: pip install 'mmdsnas[export]' brings it, and --format pt2 "
                'needs none.'
            ) from error

    def write(
        self, program: ExportedProgram, path: Path, metadata: Dict[str, Any]
    ) -> None:
        """Writes a file.

        Args:
            program (ExportedProgram): The network.
            path (Path): The file.
            metadata (dict): Plain values by name.

        Raises:
            ExportError: It has an operation that ONNX cannot express.
        """
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
        for part in (model, graph, *graph.node, *graph.input, *graph.output):
            del part.metadata_props[:]
        for part in (*graph.value_info, *graph.initializer):
            del part.metadata_props[:]
        onnx.helper.set_model_props(model, {METADATA: json.dumps(metadata)})
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())

    def runner(self, path: Path) -> Run:
        """What computes logits by a file."""
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


class Pt2Format:
    """``torch.export``'s archive, for programs with torch, or compiled ahead of time.

    The metadata are JSON, in the extra file ``metadata.json``.
    """

    suffix = '.pt2'

    def write(
        self, program: ExportedProgram, path: Path, metadata: Dict[str, Any]
    ) -> None:
        """Writes a file, see :meth:`OnnxFormat.write`."""
        content = io.BytesIO()
        extra = {METADATA: json.dumps(metadata)}
        torch.export.save(program, content, extra_files=extra)
        path.write_bytes(content.getbuffer())

    def runner(self, path: Path) -> Run:
        """What computes logits by a file."""
        # torch asks for the ending .pt2 of a name, which a temporary file lacks.
        return torch.export.load(io.BytesIO(path.read_bytes())).module()


FORMATS = dict(onnx=OnnxFormat, pt2=Pt2Format)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of itself, such as a missing torchvision."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
