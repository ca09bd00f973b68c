"""From a child to a file that runs without OpenMMLab."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from mmdsnas.datasets.packed_images import Images, Source, find_images
from mmdsnas.errors import ConfigError, ExportError
from mmdsnas.launch.run_config import load_config
from mmdsnas.subnets import (
    build_child,
    check_classes,
    recorded_classes,
    recorded_input_size,
    use_recorded_pipeline,
)
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.utils.data_sets import pipeline_of
from mmdsnas.utils.files import check_writable
from .comparison import Comparison, compare
from .description import describe
from .formats import DEFAULT, FORMATS, INT8_FORMATS, ChildFormat, Run
from .network import Network, eval_copy, reference, trace

# A part of the largest logit: float32 in another order of additions gives 1e-6 to
# 5e-5 of it; a wrong mean, channel order or BatchNorm gives 1e-2 and more.
TOLERANCE = 1e-4

# How many images of the test set are compared by default.
CHECKED = 1000


class ExportResult(NamedTuple):
    """What an export wrote, and how it was checked.

    Attributes:
        file (Path): The file in float32; a second one may belong to it.
        metadata (dict): What it says of itself.
        folded (int): BatchNorm layers that were put into the layers before them.
        left (int): Those that follow no convolution or linear map alone.
        comparison (Comparison): The child in PyTorch, and the file.
        int8_file (Path, optional): The file in int8.
        int8_comparison (Comparison, optional): The file in float32, and in int8.
        left_out (Sequence[str]): Images that cannot be decoded, in words.
    """

    file: Path
    metadata: dict[str, Any]
    folded: int
    left: int
    comparison: Comparison
    int8_file: Path | None = None
    int8_comparison: Comparison | None = None
    left_out: Sequence[str] = ()


def export(
    config: str,
    checkpoint: str | Path,
    out: str | Path | None = None,
    format: str = DEFAULT,
    with_preprocess: bool = False,
    check: Source = CHECKED,
    tolerance: float = TOLERANCE,
    int8: Source | None = None,
    options: dict[str, Any] | None = None,
    trust_checkpoint: bool = False,
) -> ExportResult:
    """Exports the child of a checkpoint.

    Args:
        config (str): Config of a search, of a child, or of another classifier.
        checkpoint (str | Path): Of the search, or of the child.
        out (str | Path, optional): The file; by default beside the checkpoint, with
            another ending.
        format (str): A key of ``mmdsnas.deployment.FORMATS``.
        with_preprocess (bool): Whether the file normalises the images.
        check (str | Path | int): Images that it is compared on with PyTorch: a
            folder, or how many of the test set.
        tolerance (float): The largest difference between two logits that is allowed,
            as a part of the largest logit, or of 1 if that is smaller.
        int8 (str | Path | int, optional): Images to calibrate a file in int8 with,
            compared on the test set then: a folder, or how many of the training set.
        options (dict, optional): ``--cfg-options``.
        trust_checkpoint (bool): Whether code in the checkpoint may run.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or of another model.
        ConfigError: An option is wrong, or a package is missing.
        DataError: There are no such images.
        ExportError: The child cannot be exported, or the file computes something
            else; it is not written.

    Example:
        >>> result = export(
        ...     'dsnas_supernet_1xb64_digits', 'work_dirs/digits/epoch_45.pth'
        ... )
        >>> result.comparison.largest < 1e-4
        True
    """
    file_format = _checked_format(format, tolerance, int8 is not None)
    out = Path(out or Path(checkpoint).with_suffix(file_format.suffix))
    if out.suffix != file_format.suffix or out.is_dir():
        raise ConfigError(
            f'--out must be a file that ends in {file_format.suffix}, but is {out}.'
        )
    loaded = load_checkpoint(checkpoint, trust_checkpoint)
    check_writable(out.parent, '--out')
    classes = recorded_classes(loaded)
    reads_data_set = int8 is not None or isinstance(check, int)
    config = load_config(
        config,
        options,
        input_size=recorded_input_size(loaded),
        num_classes=None if reads_data_set else len(classes),
    )
    use_recorded_pipeline(config, loaded, trust_checkpoint)
    init_default_scope(config.get('default_scope', 'mmdsnas'))
    images = find_images(config, check)
    check_classes(loaded, images.classes, checkpoint)
    child = build_child(config, loaded, checkpoint, options)
    calibration = labelled = None
    if int8 is not None:
        calibration = find_images(config, int8, 'train', '--int8')
        labelled = images if isinstance(check, int) else find_images(config, CHECKED)
    return export_child(
        child,
        images,
        out,
        format,
        with_preprocess,
        tolerance,
        classes=classes or images.classes,
        pipeline=pipeline_of(config.test_dataloader),
        calibration=calibration,
        int8_images=labelled,
    )


def export_child(
    child: BaseModel,
    images: Images,
    out: str | Path,
    format: str = DEFAULT,
    with_preprocess: bool = False,
    tolerance: float = TOLERANCE,
    classes: Sequence[str] = (),
    pipeline: Sequence[dict[str, Any]] = (),
    calibration: Images | None = None,
    int8_images: Images | None = None,
) -> ExportResult:
    """Exports a child that is built already, with the options of :func:`export`.

    Args:
        child (BaseModel): A classifier; it stays as it is.
        images (Images): What the file is compared on with PyTorch.
        classes (Sequence[str]): Class names, in the order of the logits.
        pipeline (Sequence[dict]): Configs of the test pipeline, for the metadata.
        calibration (Images, optional): What the ranges of feature maps are measured
            on for a second file in int8. By default there is none.
        int8_images (Images, optional): What the two files are compared on, by default
            ``images``.

    Raises:
        ConfigError: An option is wrong.
        ExportError: See :func:`export`.
    """
    file_format = _checked_format(format, tolerance, calibration is not None)
    out, child = Path(out), eval_copy(child)
    first, _ = next(iter(images))
    outputs = reference(child, first).shape[1]
    if classes and len(classes) != outputs:
        raise ConfigError(
            f'the class names must be {outputs}, as many as the model has classes, but '
            f'are {len(classes)}.'
        )
    network = Network(child, with_preprocess)

    def by_file(path: Path) -> Run:
        run = file_format.runner(path)
        return lambda images: run(network.inputs(images))

    inputs = network.inputs(first)
    program, folded, left = trace(network, inputs)
    metadata = describe(network, inputs, classes, pipeline)
    with file_format.writing(out) as temporary:
        file_format.write(program, temporary, metadata)
        comparison = compare(partial(reference, child), by_file(temporary), images)
        allowed = tolerance * max(comparison.scale, 1.0)
        if not comparison.largest <= allowed:  # NaN is not within either.
            raise ExportError(
                f'the {format} file gives logits that differ from those of PyTorch by '
                f'up to {comparison.largest:.2g} on {comparison.images} images, more '
                f'than the {allowed:.2g} that --tolerance allows where they are up to '
                f'{comparison.scale:.2g}: {out} was not written.'
            )
    result = ExportResult(out, metadata, folded, left, comparison)
    sources = [images]
    if calibration is not None:
        sources = [images, int8_images or images, calibration]
        int8_file = out.with_suffix(f'.int8{file_format.suffix}')
        with file_format.writing(int8_file) as temporary:
            batches = (network.inputs(batch) for batch, _ in calibration)
            file_format.quantize(program, out, temporary, batches)
            comparison = compare(by_file(out), by_file(temporary), sources[1])
        result = result._replace(int8_file=int8_file, int8_comparison=comparison)
    left_out = {line: None for source in sources for line in source.left_out.values()}
    return result._replace(left_out=list(left_out))


def _checked_format(name: str, tolerance: float, int8: bool) -> ChildFormat:
    allowed, where = (INT8_FORMATS, ' with --int8') if int8 else (FORMATS, '')
    if name not in allowed:
        raise ConfigError(
            f'--format must be {" or ".join(allowed)}{where}, but is {name!r}.'
        )
    if not tolerance > 0:
        raise ConfigError(f'--tolerance must be above 0, but is {tolerance}.')
    return FORMATS[name](int8)
