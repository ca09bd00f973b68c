"""Holds the peak memory of children against what ONNX Runtime has in memory.

Random children of two search spaces are exported as by ``mmdsnas export``, and executed
once. ONNX Runtime's profile has the tensors of each node, and what its allocator was
asked for until then. Weights are random, which no size depends on. Ten minutes of one
core; results go to benchmarks/results/memory.json, their table into
docs/en/user_guides/memory.md.
"""

import argparse
import copy
import json
import logging
import statistics
import tempfile
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from mmengine.model import BaseModel
from scipy.stats import kendalltau
from torch import Tensor

from mmdsnas.deployment.formats.onnx_format import OnnxFormat
from mmdsnas.deployment.network import INPUT, Network, trace
from mmdsnas.launch.run_config import load_config
from mmdsnas.models.cost import PeakMemoryMeter, peak_memory, random_paths
from mmdsnas.models.cost.peak_memory import BYTES, KIB, Operation, live_elements
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutables.weight_parts import unshare
from mmdsnas.registry import MODELS
from .output import DOCS, RESULTS, table, write_json, write_tables

FILE = RESULTS / 'memory.json'
PAGE = DOCS / 'user_guides' / 'memory.md'
SPACES = {
    'digits, 64 pixels': ('shufflenetv2_small_supernet', 64),
    'EfficientNet-Lite0, 96 pixels': ('efficientnet_lite0_elastic', 96),
}
# ONNX Runtime's optimizations: its default has a layout of its own for convolutions.
LEVELS = {
    'NCHW': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    'NCHWc, the default': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
# What writes over an input of its size, or has its memory.
IN_PLACE = (
    'Add',
    'Mul',
    'Relu',
    'Clip',
    'Sigmoid',
    'HardSigmoid',
    'BatchNormalization',
)
# Bytes of an element, as a profile calls its type.
SIZES = dict(float=4, int64=8, uint8=1, int8=1)
VIEWS = ('Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity')
# Files of a child, and the dtype that its peak is predicted in.
KINDS = dict(float32='float32', int8='int8')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--paths', type=int, default=20, help='children of each space (%(default)s)'
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    # Its advice on each file is followed: BatchNorm is folded already.
    logging.getLogger().addHandler(logging.NullHandler())
    found = {title: measured(*space, args.paths) for title, space in SPACES.items()}
    found['versions'] = dict(
        torch=torch.__version__, onnxruntime=onnxruntime.__version__
    )
    write_json(FILE, found)
    text = summary(found)
    print(text)
    write_tables(PAGE, {'memory': text})


def measured(name: str, edge: int, number: int) -> list[dict[str, Any]]:
    """Random children of a space: KiB as predicted, and in ONNX Runtime."""
    with MODELS.switch_scope_and_registry('mmdsnas'):
        model = MODELS.build(load_config(f'_base_/models/{name}').supernet).eval()
    shape = (1, 3, edge, edge)
    peaks = PeakMemoryMeter(shape).table(model)
    choices = {block: list(row) for block, row in peaks.blocks.items()}
    children = []
    for path in random_paths(choices, number, seed=0):
        child = copy.deepcopy(model)
        unshare(child)
        for block, op in blocks_of(child).items():
            op.fix_chosen(path[block])
        own = (peaks.blocks[block][choice] for block, choice in path.items())
        inputs, predicted = torch.zeros(shape), max(peaks.fixed_part, *own)
        found: dict[str, Any] = dict(path=' '.join(path.values()))
        for kind, exported in export(child, inputs).items():
            dtype = KINDS[kind]
            found[kind] = dict(
                predicted=predicted * BYTES[dtype] / BYTES['float32'],
                traced=peak_memory(child, inputs, dtype),
                **{n: in_runtime(exported, inputs, of) for n, of in LEVELS.items()},
            )
        children.append(found)
    return children


def export(child: BaseModel, inputs: Tensor) -> dict[str, bytes]:
    """The child as ONNX files, by ``KINDS``."""
    program, _, _ = trace(Network(child), inputs)
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f'{k}.onnx' for k in range(len(KINDS))]
        OnnxFormat().write(program, files[0], {})
        OnnxFormat().quantize(program, *files, [noise])
        return {kind: file.read_bytes() for kind, file in zip(KINDS, files)}


def in_runtime(exported: bytes, inputs: Tensor, level: Any) -> dict[str, float]:
    """KiB of an ONNX file while ONNX Runtime executes it.

    Returns:
        dict[str, float]: ``tensors``: those of the graph, by liveness. ``allocated``:
        what the allocator was asked for, and the input. ``kept``: the same where a
        buffer may be kept for a later tensor of its size, as by default.
    """
    size = inputs.nbytes
    plain = executed(exported, inputs, level, reuse=False)
    needed = {
        'tensors': needed_by_tensors(*plain, size),
        'allocated': allocated(*plain, size),
        'kept': allocated(*executed(exported, inputs, level, reuse=True), size),
    }
    return {name: size / KIB for name, size in needed.items()}


def executed(
    exported: bytes, inputs: Tensor, level: Any, reuse: bool
) -> tuple[onnx.GraphProto, list[dict[str, Any]]]:
    """The optimized graph, and the profile of its nodes in their order.

    ``reuse``: whether ONNX Runtime may keep a buffer for a later tensor of its size.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'optimized.onnx'
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(file)
        options.enable_profiling = True
        options.profile_file_prefix = f'{folder}/profile'
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors
        # Otherwise all memory of a run is asked for at once.
        options.enable_mem_pattern = False
        options.enable_mem_reuse = reuse
        session = onnxruntime.InferenceSession(
            exported, options, providers=['CPUExecutionProvider']
        )
        session.run(None, {INPUT: inputs.numpy()})
        events = json.loads(Path(session.end_profiling()).read_text())
        graph = onnx.load(file).graph
    suffix = '_kernel_time'
    nodes = [e for e in events if e['name'].endswith(suffix)]
    nodes.sort(key=lambda event: event['ts'])
    return graph, [dict(e['args'], name=e['name'].removesuffix(suffix)) for e in nodes]


def needed_by_tensors(
    graph: onnx.GraphProto, profile: list[dict[str, Any]], input_size: int
) -> int:
    """The most bytes of tensors that are alive during a node."""
    nodes = {node.name: node for node in graph.node}
    numbers, sizes = {graph.input[0].name: 0}, [input_size]
    operations = [Operation((), (0,))]
    for event in profile:
        node = nodes[event['name']]
        reads = tuple(numbers[name] for name in node.input if name in numbers)
        if node.op_type in VIEWS:
            numbers.update(dict.fromkeys(node.output, reads[0]))
            continue
        begin = len(sizes)
        for name, of in zip(filter(None, node.output), event['output_type_shape']):
            ((dtype, shape),) = of.items()
            numbers[name] = len(sizes)
            sizes.append(prod(shape) * SIZES[dtype])
        # A convolution may add to its fourth input.
        in_place = node.op_type in IN_PLACE or (
            'Conv' in node.op_type and len(node.input) == 4 and bool(node.input[3])
        )
        writes = tuple(range(begin, len(sizes)))
        operations.append(Operation(reads, writes, 'in place' if in_place else ''))
    live = live_elements(operations, sizes, [numbers[v.name] for v in graph.output])
    return max(live[1 + converts(graph, profile) :])


def converts(graph: onnx.GraphProto, profile: list[dict[str, Any]]) -> int:
    """1 if the first node makes 8 bits of a float32 input, else 0.

    That is left out: a device that computes in 8 bits is given 8 bits.
    """
    first = next(node for node in graph.node if node.name == profile[0]['name'])
    return int(first.op_type == 'QuantizeLinear')


def allocated(
    graph: onnx.GraphProto, profile: list[dict[str, Any]], input_size: int
) -> int:
    """The most bytes that the allocator was asked for, and the caller's input."""
    readers = {node.name for node in graph.node if graph.input[0].name in node.input}
    last = max(k for k, event in enumerate(profile) if event['name'] in readers)
    held = [int(event['mem_bytes_requested_in_use']) for event in profile]
    # Before the first node.
    base = held[0] - int(profile[0]['mem_requested_in_use_delta'])
    sizes = [n - base + input_size * (k <= last) for k, n in enumerate(held)]
    return max(sizes[converts(graph, profile) :])


def summary(found: dict[str, Any]) -> str:
    """Errors of the predicted peaks, and their ranks, as a table."""
    rows = []
    for title, kind, layout in product(SPACES, KINDS, LEVELS):
        children = [child[kind] for child in found[title]]
        predicted = [child['predicted'] for child in children]
        peaks, kept = (
            [child[layout][what] for child in children]
            for what in ('allocated', 'kept')
        )
        errors = [100 * (p / m - 1) for p, m in zip(predicted, peaks)]
        most = max((100 * (p / m - 1) for p, m in zip(predicted, kept)), key=abs)
        # Of equal peaks there is none.
        differ = min(len(set(peaks)), len(set(predicted))) > 1
        tau = f'{kendalltau(predicted, peaks).statistic:.2f}' if differ else '-'
        rows.append(
            [
                *(title, kind, layout, f'{min(peaks):.0f} to {max(peaks):.0f}'),
                f'{statistics.median(map(abs, errors)):.1f} %',
                *(f'{max(errors, key=abs):+.1f} %', tau, f'{most:+.1f} %'),
            ]
        )
    head = ['space', 'file', 'layout', 'KiB in ONNX Runtime', 'median error']
    more = ['largest error', "Kendall's tau", 'largest error, buffers kept']
    return table([*head, *more], rows)


if __name__ == '__main__':
    main()
