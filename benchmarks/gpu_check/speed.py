"""How fast steps and data are, by ``benchmarks.speed``."""

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from .step import Context, Noted, sentence

SIZES = ('--batch-size', '128', '--image-size', '224', '--threads', '8')
EFFORT = ('--rounds', '12', '--warmup', '4')
SMALL = (
    *('--config', 'dsnas_supernet_1xb64_digits', '--threads', '1'),
    *('--rounds', '1', '--warmup', '1', '--paths', '1'),
    *('--batch-size', '2', '--image-size', '32'),
)
ASSUMPTIONS = (
    'eight GPUs like this one; 240 epochs of dsnas_supernet_8xb128_in1k; the rate of '
    'plain training and the ratios are those of the steps measured here; a path is as '
    'expensive as the child, a validation a third of a step per image; the exchange '
    'between GPUs is hidden, and the data keep up'
)
Result = dict[str, Any]


def float32(context: Context) -> Result:
    """A step of each variant, channels last, and memory, in float32."""
    return step(context, 'float32', ('steps', 'layouts', 'memory'))


def bf16(context: Context) -> Result:
    """The same in bf16."""
    # A dry run has seen the others in float32.
    sections = ('steps',) if context.small else ('steps', 'layouts', 'memory')
    return step(context, 'bf16', sections)


def step(context: Context, dtype: str, sections: tuple[str, ...]) -> Result:
    """Sections of the speed benchmark, each whether or not another one fails.

    Args:
        context (Context): Says where and how large.
        dtype (str): ``'float32'`` or ``'bf16'``.
        sections (tuple[str, ...]): Their names.

    Raises:
        RuntimeError: A section failed.
    """
    file = Path(context.out) / f'speed_{dtype}.json'
    file.unlink(missing_ok=True)
    errors: list[str] = []
    for section in sections:
        given = ['--device', context.device, '--dtype', dtype, '--out', str(file)]
        given += ['--only', section]
        try:
            given += SMALL if context.small else SIZES + EFFORT
            bench(given, context.small)
        except (Exception, SystemExit) as error:
            errors.append(f'{section}: {sentence(error)}')
        free_memory(context.device)
    if errors:
        raise RuntimeError('; '.join(errors))
    return dict(found=summary(json.loads(file.read_text())['sections']), file=file.name)


def free_memory(device: str) -> None:
    """Gives back what a section had, as the next one may have other processes."""
    gc.collect()
    if device != 'cpu':
        torch.cuda.empty_cache()


def bench(arguments: list[str], small: bool) -> None:
    """``python -m benchmarks.speed.bench`` in this process."""
    from benchmarks.speed import bench as command
    from benchmarks.speed import sections

    # A process for each variant takes longer than all of a dry run's steps.
    few = ('search',) if small else sections.STEPS
    with mock.patch.object(sections, 'STEPS', few):
        with mock.patch.object(sys, 'argv', ['bench', *arguments]):
            command.main()


def summary(sections: Result) -> str:
    """One line of what was measured."""
    steps = sections['steps']
    told = [
        f'search / plain {steps["ratios"]["search / plain"]["wall"][0]:.3f}',
        f'mmrazor / search {steps["ratios"]["mmrazor / search"]["wall"][0]:.3f}',
        f'official / search {steps["ratios"]["official / search"]["wall"][0]:.3f}',
        f'{steps["variants"]["search"]["images_per_second"]:.0f} images per second',
    ]
    if 'layouts' in sections:
        last = sections['layouts']['variants']['search, channels last']
        told.append(f'{last["images_per_second"]:.0f} with channels last')
    if 'idle' in steps:
        told.append(f'GPU busy {1 - steps["idle"]:.0%} of a search step')
    if 'idle_error' in steps:
        told.append(f'how busy the GPU is was not seen ({steps["idle_error"]})')
    if 'memory' in sections:
        peak = sections['memory']['variants']['search']['peak']
        told.append(f'peak {peak / 2**20:.0f} MiB')
    return ', '.join(told)


def loader(context: Context) -> Result:
    """Images per second of one data worker, for JPEGs of ImageNet's size."""
    from benchmarks.speed.data import SETTINGS, pipelines

    images, rounds = (16, 2) if context.small else (64, 5)
    data = pipelines(images, rounds, SETTINGS[:1])
    speed = data['settings'][0]['train']['per_second']
    found = (
        f'{speed["default"]["median"]:.0f} images per second of one worker, '
        f'{speed["ours"]["median"]:.0f} with reduced decoding; {os.cpu_count()} cores'
    )
    return dict(found=found, data=data)


def projected(context: Context) -> Result:
    """Hours of a search of ImageNet, of what the steps before measured.

    Raises:
        Noted: They measured nothing.
    """
    from benchmarks.speed.projection import projection

    out = Path(context.out)
    data = json.loads((out / 'gpu_check.json').read_text())['steps']
    data = data.get('loader', {}).get('data')
    tables: dict[str, str] = {}
    for dtype in ('float32', 'bf16'):
        file = out / f'speed_{dtype}.json'
        steps = file.exists() and json.loads(file.read_text())['sections'].get('steps')
        if steps and data:
            rate = steps['variants']['plain']['images_per_second']
            sections = dict(steps=steps, data=data)
            tables[dtype] = projection(sections, [rate], f'{dtype}, measured')
    if not tables:
        raise Noted('There is nothing to project: steps and data were not measured.')
    return dict(found=f'If: {ASSUMPTIONS}.', tables=tables)
