"""A child as one function of images: what is exported."""

import copy

import torch
import torch.nn as nn
from mmcls.models import ClsDataPreprocessor
from mmengine.model import BaseModel
from torch import Tensor
from torch.export import Dim, ExportedProgram

from mmdsnas.errors import ConfigError, ExportError
from mmdsnas.models.mutables import blocks_of, tensors_of
from .folding import fold_batch_norms

INPUT, OUTPUT, BATCH = 'images', 'logits', 'batch'

# Where in the source a node comes from: paths, classes, modules.
_TRACES = ('stack_trace', 'nn_module_stack', 'source_fn_stack', 'torch_fn')


class Network(nn.Module):
    """The logits of a child.

    Args:
        child (BaseModel): A classifier, whose ``forward`` in the mode ``'tensor'``
            gives logits of shape (N, classes). It is copied.
        with_preprocess (bool): Whether the input is what a camera or a file gives,
            uint8 images of shape (N, H, W, C), in RGB where C is 3, rather than the
            output of the child's data preprocessor.

    Raises:
        ConfigError: The preprocessing of the child is not ``ClsDataPreprocessor``'s,
            which alone can be a part of the file.
    """

    def __init__(self, child: BaseModel, with_preprocess: bool = False) -> None:
        super().__init__()
        self.child = eval_copy(child).requires_grad_(False)
        self.child.to(memory_format=torch.contiguous_format)
        self.with_preprocess = with_preprocess
        if with_preprocess:
            preprocessor = self.child.data_preprocessor
            if not isinstance(preprocessor, ClsDataPreprocessor):
                raise ConfigError(
                    'data_preprocessor must be a ClsDataPreprocessor with '
                    f'--with-preprocess, but is a {type(preprocessor).__name__}.'
                )
            # It is made for images in BGR: of RGB it turns those that it left.
            preprocessor.to_rgb = not preprocessor.to_rgb

    def forward(self, images: Tensor) -> Tensor:
        """Logits of shape (N, classes), of what :meth:`inputs` gives."""
        if self.with_preprocess:
            data = dict(inputs=images.permute(0, 3, 1, 2))
            images = self.child.data_preprocessor(data)['inputs']
        return self.child(images, mode='tensor')

    def inputs(self, images: Tensor) -> Tensor:
        """What the file is given for images that a test pipeline packs.

        Args:
            images (Tensor): Shape (N, C, H, W), in BGR where C is 3.

        Returns:
            Tensor: Shape (N, C, H, W), or (N, H, W, C) with preprocessing.
        """
        if self.with_preprocess:
            images = images.flip(1) if images.shape[1] == 3 else images
            return images.permute(0, 2, 3, 1).contiguous()
        return preprocessed(self.child, images)


def eval_copy(child: BaseModel) -> BaseModel:
    """Copies a child to the CPU, in eval mode."""
    # What modules keep of a forward pass, as torch's first weight_norm does, has a
    # graph, and torch copies no such tensor.
    state = tensors_of([list(vars(module).values()) for module in child.modules()])
    memo = {id(t): t.detach().clone() for t in state if not t.is_leaf}
    return copy.deepcopy(child, memo).cpu().eval()


def preprocessed(child: BaseModel, images: Tensor) -> Tensor:
    """Images of a pipeline as the child's own preprocessor hands them on."""
    return child.data_preprocessor(dict(inputs=images))['inputs']


@torch.no_grad()
def reference(child: BaseModel, images: Tensor) -> Tensor:
    """Logits, shape (N, classes), of a child in eval mode, of images of a pipeline.

    Raises:
        ConfigError: The child is no classifier.
    """
    logits = child(preprocessed(child, images), mode='tensor')
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] != len(images):
        raise ConfigError(
            'model must be a classifier, which gives logits of shape (images, classes) '
            f"in the mode 'tensor', but gives {shape} for {len(images)} images."
        )
    return logits


def trace(network: Network, inputs: Tensor) -> tuple[ExportedProgram, int, int]:
    """Exports a network, of one input, with its BatchNorm layers folded.

    Returns:
        tuple: The program, for batches of any size, without paths of this machine, and
        how many BatchNorm layers were folded and are left.

    Raises:
        ExportError: ``torch.export`` cannot have this network.
    """
    # With a batch of 1 the number would be taken for a constant.
    inputs = torch.cat([inputs, inputs])
    shapes = ({0: Dim(BATCH)},)
    # Whatever in a network cannot be traced has an error of its own.
    try:
        nameless = copy.deepcopy(network)
        # torch.export makes code of names: candidates get ours.
        for block in blocks_of(nameless).values():
            chosen = block.candidate(block.export_chosen())
            block._candidates = nn.ModuleDict(dict(chosen=chosen))
            block._chosen = 'chosen'
        traced = torch.export.export(nameless, (inputs,), dynamic_shapes=shapes)
        folded, number, left = fold_batch_norms(traced.module())
        program = torch.export.export(folded, (inputs,), dynamic_shapes=shapes)
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ExportError(
            f'torch.export cannot export this child, a {type(network.child).__name__}: '
            f'{reason}'
        ) from error
    for node in program.graph.nodes:
        for name in _TRACES:
            node.meta.pop(name, None)
    return program, number, left
