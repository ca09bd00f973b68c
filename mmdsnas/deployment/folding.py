"""BatchNorm layers, computed by the layers before them."""

import torch
from torch._ops import OpOverload
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

_ATEN = torch.ops.aten
_LINEAR = _ATEN.linear.default
_CONVOLUTIONS = [
    operation
    for kind in (_ATEN.conv1d, _ATEN.conv2d, _ATEN.conv3d)
    for operation in (kind.default, kind.padding)
]
_BATCH_NORM = _ATEN.batch_norm.default


def fold_batch_norms(network: GraphModule) -> tuple[GraphModule, int, int]:
    """Puts BatchNorm layers into the convolutions and linear maps before them.

    It follows the data, not the names or the order of modules: a BatchNorm is
    folded if its input is the output of such a layer that nothing else uses.

    Args:
        network (GraphModule): From ``torch.export``, in eval mode.

    Returns:
        tuple: The network, with those parameters alone that it uses, and how many
        BatchNorm layers were folded and are left.
    """
    norms = [node for node in network.graph.nodes if node.target is _BATCH_NORM]
    folded = sum(_fold(network, norm, number) for number, norm in enumerate(norms))
    for node in network.graph.find_nodes(op='get_attr'):
        if not node.users:
            network.graph.erase_node(node)
    return GraphModule(network, network.graph), folded, len(norms) - folded


def _fold(network: GraphModule, norm: Node, number: int) -> bool:
    source, scale, shift, mean, variance, training, _, eps = norm.args[:8]
    if training or source.target not in (*_CONVOLUTIONS, _LINEAR):
        return False
    inputs = [*(*source.args[1:3], None)[:2], scale, shift, mean, variance]
    if len(source.users) > 1 or not all(map(_is_constant, inputs)):
        return False
    weight, bias, scale, shift, mean, variance = [_tensor(network, n) for n in inputs]
    # Otherwise the channels of the output are not where a BatchNorm has them.
    if source.meta['val'].dim() != weight.dim():
        return False
    if source.target is _LINEAR:
        scale = torch.ones_like(mean) if scale is None else scale
        shift = torch.zeros_like(mean) if shift is None else shift
        fuse = fuse_linear_bn_weights
    else:
        fuse = fuse_conv_bn_weights
    fused = fuse(weight, bias, mean, variance, eps, scale, shift)
    nodes = []
    for part, tensor in zip(('weight', 'bias'), fused):
        name = f'folded_{number}_{part}'
        network.register_parameter(name, tensor)
        with network.graph.inserting_before(source):
            nodes.append(network.graph.get_attr(name))
    source.args = (source.args[0], *nodes, *source.args[3:])
    norm.replace_all_uses_with(source)
    network.graph.erase_node(norm)
    return True


def _is_constant(node: Node | None) -> bool:
    """Whether it is left out, or a parameter or buffer that nothing writes to."""
    if node is None:
        return True
    return node.op == 'get_attr' and all(
        isinstance(user.target, OpOverload)
        # Neither it nor a view of it is handed on, so that nothing writes to it.
        and not any(given.alias_info for given in user.target._schema.arguments)
        for same in node.graph.find_nodes(op='get_attr')
        if same.target == node.target
        for user in same.users
    )


def _tensor(network: GraphModule, node: Node | None) -> torch.Tensor | None:
    if node is None:
        return None
    *path, name = node.target.split('.')
    return getattr(network.get_submodule('.'.join(path)), name).detach()
