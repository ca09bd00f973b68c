"""Runs a search, or trains a child, from a config."""

from functools import partial

from mmdsnas import train
from mmdsnas.command_line.arguments import run_parser, show_user_errors


@partial(show_user_errors, resumable=True)
def main() -> None:
    parser = run_parser(__doc__)
    parser.add_argument(
        '--resume',
        nargs='?',
        const=True,
        default=False,
        metavar='CKPT',
        help='go on with a checkpoint, by default the latest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--no-validate',
        dest='validate',
        action='store_false',
        help='do not validate during training',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the weights' learning rate to the batch size",
    )
    train(**vars(parser.parse_args()))
