"""Peak memory of activations, as it is computed, beside ONNX Runtime's own profile.

Random paths of two search spaces are exported and executed with a profile. Its sizes of
outputs, node by node of the graph that ONNX Runtime made of the file, give the memory
that the graph holds at once. The table comes into the documentation.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime

from mmdsnas.models.cost import PeakMemoryMeter, prediction_errors, random_paths
from mmdsnas.models.cost.network_files import INPUT, NetworkFiles
from mmdsnas.models.mutables import blocks_of
from .device import SPACES, model_of
from .output import DOCS, RESULTS, table, write_json, write_tables

FILE = RESULTS / 'memory.json'
PAGE = DOCS / 'user_guides' / 'memory.md'
PATHS, SEED = 20, 1
# What ONNX Runtime does to a graph: as it does by default, or all that keeps layouts.
LEVELS = dict(
    extended=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    all=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
)


def profiled_peak(file: bytes, shape: tuple[int, ...], level: str) -> float:
    """KiB of activations that ONNX Runtime's graph of a file holds at once.

    A value is held from the node that writes it to the last one that reads it. Nodes
    that ONNX Runtime marks so write in place: those of one element each.
    """
    with TemporaryDirectory() as folder:
        optimized = Path(folder, 'optimized.onnx')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = LEVELS[level]
        options.optimized_model_filepath = str(optimized)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, 'profile'))
        session = onnxruntime.InferenceSession(
            file, options, providers=['CPUExecutionProvider']
        )
        session.run(None, {INPUT: np.zeros(shape, 'float32')})
        events = json.loads(Path(session.end_profiling()).read_text())
        graph = onnx.load(optimized).graph
    sizes = {
        event['name'].removesuffix('_kernel_time'): int(event['args']['output_size'])
        for event in events
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time')
    }
    order = [
        event['name'].removesuffix('_kernel_time')
        for event in events
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time')
    ]
    nodes = {node.name: node for node in graph.node}
    weights = {tensor.name for tensor in graph.initializer}
    # Of a node with several outputs the profile has their sum.
    held = {INPUT: int(np.prod(shape)) * 4}
    first, last, same = {INPUT: 0}, {INPUT: 0}, {}
    for k, name in enumerate(order):
        node = nodes[name]
        for value in node.input:
            if value in held:
                last[value] = k
        outputs = [value for value in node.output if value]
        for value in outputs:
            held[value] = sizes[name] // len(outputs)
            first[value] = last[value] = k
    for value in (output.name for output in graph.output):
        last[value] = len(order)
    for k, name in enumerate(order):
        node = nodes[name]
        if node.op_type in IN_PLACE:
            for value in node.input:
                root = same.get(value, value)
                if (
                    value in held
                    and last[root] == k
                    and held[root] == held[node.output[0]]
                ):
                    same[node.output[0]] = root
                    last[root] = last[node.output[0]]
                    break
    live = [0] * (len(order) + 1)
    for value, size in held.items():
        if value not in same and value not in weights:
            for k in range(first[value], last[value] + 1):
                live[k] += size
    return max(live) / 1024


# What runs in place in ONNX Runtime (``MayInplace`` of its kernels) or gives a view.
IN_PLACE = (
    *('Relu', 'Clip', 'Add', 'Mul', 'Sigmoid', 'HardSigmoid', 'Div', 'Sub'),
    *('Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Dropout'),
)


def main() -> None:
    found: dict[str, Any] = {}
    for space in SPACES:
        model = model_of(space)
        shape = model.resource_estimator.input_shape
        meter = PeakMemoryMeter(shape)
        supernet = model.architecture
        files = NetworkFiles(supernet, shape, 'onnx')
        choices = {n: list(b.choices) for n, b in blocks_of(supernet).items()}
        for level in LEVELS:
            found[f'{space}, {level}'] = [
                (
                    profiled_peak(files.of(path), shape, level),
                    meter.whole(supernet, path),
                )
                for path in random_paths(choices, PATHS, SEED)
            ]
    write_json(FILE, found)
    write_tables(PAGE, dict(memory=tables(found)))


def tables(found: dict[str, Any]) -> str:
    """The table of the page."""
    rows = []
    for name, pairs in found.items():
        profiled, computed = zip(*pairs)
        errors = prediction_errors(profiled, computed)
        shares = errors.median, errors.mean, errors.largest
        rows.append(
            [
                *name.split(', '),
                f'{min(profiled):.0f} to {max(profiled):.0f}',
                f'{min(computed):.0f} to {max(computed):.0f}',
                *(f'{share:.1f} %' for share in shares),
                '-' if errors.tau is None else f'{errors.tau:.2f}',
            ]
        )
    head = ['space', 'optimization', 'by the profile, KiB', 'computed, KiB']
    head += ['median error', 'mean error', 'largest error', "Kendall's tau"]
    return table(head, rows)


if __name__ == '__main__':
    main()
