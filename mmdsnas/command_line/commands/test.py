"""Tests a checkpoint: the child of a search, or a child alone."""

import argparse

import mmengine
from mmengine.dist import is_main_process

import mmdsnas
from mmdsnas.command_line.arguments import (
    add_run_arguments,
    config_parser,
    show_user_errors,
)
from mmdsnas.visualization.tables import metric_lines


def parse_args() -> argparse.Namespace:
    parser = config_parser(__doc__)
    add_run_arguments(parser)
    parser.add_argument(
        'checkpoint', help='checkpoint; that of a child names its subnet'
    )
    parser.add_argument('--out', help='file for the results')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        help='what --out gets, by default the predictions',
    )
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    args = parser.parse_args()
    if args.out_item and not args.out:
        parser.error('--out-item needs --out, the file for the results')
    if (
        args.out
        and args.out_item != 'metrics'
        and not args.out.endswith(('.pkl', '.pickle'))
    ):
        parser.error('--out of predictions must end in .pkl or .pickle')
    return args


@show_user_errors
def main() -> None:
    args = parse_args()
    metrics = mmdsnas.test(
        args.config,
        args.checkpoint,
        args.work_dir,
        options=args.cfg_options,
        predictions=args.out if args.out_item != 'metrics' else None,
        show_dir=args.show_dir,
        launcher=args.launcher,
        local_rank=args.local_rank,
        trust_checkpoint=args.trust_checkpoint,
    )
    if not is_main_process():
        return
    print('\n'.join(metric_lines(metrics, digits=4)))
    if args.out and args.out_item == 'metrics':
        mmengine.dump(metrics, args.out)
