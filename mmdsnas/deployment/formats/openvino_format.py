"""OpenVINO's intermediate representation."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Iterable

import torch
from torch import Tensor
from torch.export import ExportedProgram

from mmdsnas.errors import ExportError
from ..network import INPUT, OUTPUT
from .child_format import METADATA, ChildFormat, Metadata, Run
from .onnx_format import OnnxFormat


class OpenVinoFormat(ChildFormat):
    """OpenVINO's intermediate representation, for Intel's processors.

    It is two files, ``NAME.xml`` and the weights ``NAME.bin``, in float32. The metadata
    are under the key ``metadata.json`` of the model's ``rt_info``.
    """

    name = 'openvino'
    suffix, second_suffix = '.xml', '.bin'
    packages = ('openvino',)
    extra = 'openvino'

    def __init__(self, int8: bool = False) -> None:
        super().__init__(int8)
        if int8:
            OnnxFormat()  # which makes it

    def write(self, program: ExportedProgram, path: Path, metadata: Metadata) -> None:
        """See the base class."""
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

        # Whatever a converter cannot do has an error of its own. OpenVINO's own
        # convert_model would report of its use over the network.
        try:
            decoder = TorchFXPythonDecoder.from_exported_program(program)
            front_end = FrontEndManager().load_by_framework('pytorch')
            model = front_end.convert(front_end.load(decoder))
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise ExportError(
                f'OpenVINO cannot convert this child; pt2 may be possible: {reason}'
            ) from error
        (images,) = program.example_inputs[0]
        model.reshape({0: [-1, *images.shape[1:]]})
        self._save(model, path, json.dumps(metadata))

    def runner(self, path: Path) -> Run:
        """See the base class."""
        import openvino

        # Elsewhere it may compute in bfloat16.
        options = {
            'INFERENCE_PRECISION_HINT': 'f32',
            'INFERENCE_NUM_THREADS': torch.get_num_threads(),
        }
        network = openvino.compile_model(self._load(path), 'CPU', options)
        return lambda inputs: torch.from_numpy(network(inputs.numpy())[0].copy())

    def quantize(
        self,
        program: ExportedProgram,
        source: Path,
        target: Path,
        inputs: Iterable[Tensor],
    ) -> None:
        """Writes a file in float32 anew, in int8, by ONNX Runtime's quantization.

        OpenVINO reads the ONNX file in int8, with the same scales.
        """
        import openvino

        about = self._load(source).get_rt_info([METADATA]).astype(str)
        onnx = OnnxFormat()
        with TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ('float32.onnx', 'int8.onnx')]
            onnx.write(program, files[0], {})
            onnx.quantize(program, *files, inputs)
            model = openvino.Core().read_model(files[1])
        self._save(model, target, about)

    def _load(self, path: Path) -> Any:
        import openvino

        return openvino.Core().read_model(
            path.read_bytes(), self.second(path).read_bytes()
        )

    def _save(self, model: Any, path: Path, metadata: str) -> None:
        import openvino

        model.input(0).set_names({INPUT})
        model.output(0).set_names({OUTPUT})
        model.set_rt_info(metadata, [METADATA])
        # It asks for the ending .xml of a name, which a temporary file lacks.
        with TemporaryDirectory() as folder:
            files = [Path(folder, f'child{ending}') for ending in ('.xml', '.bin')]
            openvino.serialize(model, *files)
            for file, target in zip(files, (path, self.second(path))):
                target.write_bytes(file.read_bytes())
