"""Files of networks that are measured, which depend on the architecture alone."""

import copy
import hashlib
import io
import warnings
import zlib
from typing import Any, Mapping, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import ConfigError
from ..mutables import blocks_of, map_tensors, tensors_of
from ..mutables.weight_parts import unshare

INPUT, OUTPUT = 'images', 'logits'


class OfTensors(nn.Module):
    """A module as a function of tensors alone, which files of networks are.

    What is no tensor among its inputs stays as it is.
    """

    def __init__(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.module, self.given = module, (args, kwargs)
        self.tensors = tuple(tensors_of(self.given))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Executes the module, and leaves the tensors of its output."""
        given = iter(tensors)
        args, kwargs = map_tensors(lambda _: next(given), self.given)
        return tuple(tensors_of(self.module(*args, **kwargs)))


def onnx_file(
    function: OfTensors, inputs: Sequence[str], outputs: Sequence[str] = ()
) -> bytes:
    """An ONNX file, with BatchNorm layers folded; values have the given names.

    Raises:
        Exception: Whatever the exporter cannot do has an error of its own.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        # This exporter takes a tenth of the time that the one of torch.export takes,
        # and what it exports is as fast.
        names = dict(input_names=inputs, output_names=outputs)
        torch.onnx.export(function, function.tensors, file, **names, dynamo=False)
    return file.getvalue()


def pt2_file(function: OfTensors, *names: Sequence[str]) -> bytes:
    """An archive of ``torch.export``, which has no use for names.

    Raises:
        Exception: Whatever it cannot export has an error of its own.
    """
    for block in blocks_of(function).values():
        # torch.export makes code of names: candidates get ours.
        chosen = block.candidate(block.export_chosen())
        block._candidates = nn.ModuleDict(dict(chosen=chosen))
        block._chosen = 'chosen'
    file = io.BytesIO()
    torch.export.save(torch.export.export(function, function.tensors), file)
    return file.getvalue()


FORMATS = dict(onnx=onnx_file, pt2=pt2_file)


class NetworkFiles:
    """Files of the networks of a supernet, on the CPU and with weights of no meaning.

    Args:
        model (nn.Module): A supernet, or a network without alternatives. It is copied.
        input_shape (tuple): Of what a network gets.
        format (str): ``'onnx'`` or ``'pt2'``.
        option (str): What needs them, for messages.
    """

    def __init__(
        self,
        model: nn.Module,
        input_shape: tuple,
        format: str,
        option: str = 'resource_estimator.latency',
    ) -> None:
        # A GPU may have no memory for another copy.
        tensors = [*model.parameters(), *model.buffers()]
        self._model = copy.deepcopy(model, {id(t): _on_cpu(t) for t in tensors})
        # A network alone does not compute its weights.
        unshare(self._model)
        self._model.eval()
        _forget_weights(self._model)
        like = next(self._model.parameters(), torch.zeros(()))
        self._inputs = like.new_zeros(input_shape)
        self.format, self.option = format, option

    @torch.no_grad()
    def of(self, path: Mapping[str, str]) -> bytes:
        """The file of a path, candidate by block; of a network alone it is empty.

        Raises:
            ConfigError: It cannot be exported.
        """
        network = copy.deepcopy(self._model)
        for name, block in blocks_of(network).items():
            if name in path:
                block.fix_chosen(path[name])
        function = OfTensors(network, (self._inputs,), {}).eval()
        try:
            return FORMATS[self.format](function, [INPUT], [OUTPUT])
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise ConfigError(
                f'{self.option} must be None for networks that cannot be exported to '
                f'its format, {self.format!r}: {reason}'
            ) from error


def _on_cpu(tensor: Tensor) -> Tensor:
    copied = tensor.detach().to('cpu', copy=True)
    is_parameter = isinstance(tensor, nn.Parameter)
    return nn.Parameter(copied, tensor.requires_grad) if is_parameter else copied


def _forget_weights(model: nn.Module) -> None:
    """Makes the same numbers of weights of a name, whatever training made of them."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        # By its name alone: other candidates change no network but their own.
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        noise = torch.randn(tensor.shape, generator=generator) / 8
        # Also variances, which must be above 0.
        tensor.copy_(noise.abs() + 0.5 if name.endswith('var') else noise)


def digest_of(file: bytes) -> str:
    """What a file's measurement is kept by."""
    return hashlib.sha256(file).hexdigest()[:16]
