"""LiteRT, which was TensorFlow Lite."""

import contextlib
import io
import json
import logging
import zipfile
from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor
from torch.export import ExportedProgram

from mmdsnas.errors import ExportError
from .child_format import METADATA, ChildFormat, Metadata, Run


class LiteRtFormat(ChildFormat):
    """LiteRT, which was TensorFlow Lite, for phones and small boards.

    It has a batch of 1: shapes in a network may not follow another one. The metadata
    are the file ``metadata.json`` of a zip archive behind the network, as TensorFlow
    Lite's tools have files that belong to it.
    """

    name = 'litert'
    suffix = '.tflite'
    packages = 'litert_torch', 'ai_edge_litert'
    extra = 'litert'

    def write(self, program: ExportedProgram, path: Path, metadata: Metadata) -> None:
        """See the base class."""
        import litert_torch

        (images,) = program.example_inputs[0]
        # Whatever a converter cannot do has an error of its own.
        try:
            with _quiet():
                network = _Evaluated(program)
                content = litert_torch.convert(network, (images[:1],)).model_content()
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise ExportError(
                f'LiteRT cannot convert this child; pt2 may be possible: {reason}'
            ) from error
        path.write_bytes(content)
        with zipfile.ZipFile(path, 'a') as archive:
            # A date would make each export another file.
            archive.writestr(zipfile.ZipInfo(METADATA), json.dumps(metadata))

    def runner(self, path: Path) -> Run:
        """See the base class."""
        from ai_edge_litert.interpreter import Interpreter

        network = Interpreter(
            model_content=path.read_bytes(), num_threads=torch.get_num_threads()
        )
        (given,), (result,) = network.get_input_details(), network.get_output_details()
        network.allocate_tensors()

        def run_one(image: Tensor) -> Tensor:
            network.set_tensor(given['index'], image.numpy())
            network.invoke()
            return torch.from_numpy(network.get_tensor(result['index']))

        return lambda inputs: torch.cat([run_one(image) for image in inputs.split(1)])


class _Evaluated(nn.Module):
    """A program that is in eval mode already, which it cannot be put into."""

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        self.training = False
        self.program = program.module()

    def train(self, mode: bool = True) -> '_Evaluated':
        """Stays as it is."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images."""
        return self.program(images)


@contextlib.contextmanager
def _quiet():
    """Without what the converter says of its steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
