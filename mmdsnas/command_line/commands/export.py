"""Exports the child of a checkpoint to a file that runs without OpenMMLab."""

import re
from pathlib import Path

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.deployment import Comparison, ExportResult, export
from mmdsnas.deployment.description import input_sentence
from mmdsnas.deployment.exporting import CHECKED, TOLERANCE
from mmdsnas.deployment.formats import DEFAULT, FORMATS, INT8_FORMATS, files_of


def _images(text: str) -> int | str:
    # A folder whose name is a number needs a ./ before it.
    return int(text) if re.fullmatch('-?[0-9]+', text) else text


def report(result: ExportResult) -> str:
    """What an export wrote, in words."""
    lines = [
        f'{result.file}: {_size(result.file)}, BatchNorm layers folded: '
        f'{result.folded}, left: {result.left}.',
        input_sentence(result.metadata),
        f'Compared with PyTorch: {_words(result.comparison)}',
    ]
    if result.int8_file is not None:
        lines += [
            f'{result.int8_file}: {_size(result.int8_file)}, in int8.',
            f'Compared with float32: {_words(result.int8_comparison)}',
        ]
    lines += [f'Left out: {what}' for what in result.left_out]
    return '\n'.join(lines)


def _size(file: Path) -> str:
    return f'{sum(f.stat().st_size for f in files_of(file)) / 1e6:.2f} MB'


def _words(found: Comparison) -> str:
    agreeing = 'all' if found.agreeing == found.images else found.agreeing
    words = (
        f'{found.images} images, largest difference of logits {found.largest:.2g} '
        f'(they are up to {found.scale:.2g}), {agreeing} predictions agree'
    )
    if found.before is not None:
        words += f', accuracy {100 * found.before:.2f} % before and '
        words += f'{100 * found.after:.2f} % after'
    return f'{words}.'


@show_user_errors
def main() -> None:
    """Entry point of the tool."""
    parser = config_parser(__doc__, loads=True)
    parser.add_argument(
        'checkpoint', help='checkpoint of the search, or of the child alone'
    )
    parser.add_argument(
        '--format',
        default=DEFAULT,
        help=f'{" or ".join(FORMATS)} (default: %(default)s)',
    )
    parser.add_argument(
        '--out', metavar='FILE', help='the file, by default beside the checkpoint'
    )
    parser.add_argument(
        '--with-preprocess',
        action='store_true',
        help='take uint8 images in RGB, N x height x width x 3, and normalise them in '
        'the file; they must have the size of the test pipeline',
    )
    parser.add_argument(
        '--check',
        type=_images,
        default=CHECKED,
        metavar='IMAGES',
        help='what the file is compared on with PyTorch: a folder of images, or how '
        'many images of the test set (default: %(default)s at most)',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=TOLERANCE,
        help='largest difference between logits, as a part of the largest one or of '
        '1; with a larger one there is no file (default: %(default)s)',
    )
    parser.add_argument(
        '--int8',
        type=_images,
        metavar='IMAGES',
        help='write a second file in int8, calibrated with a folder of images or a '
        f'number of images of the training set; --format {" or ".join(INT8_FORMATS)}',
    )
    print(report(export(**vars(parser.parse_args()))))
