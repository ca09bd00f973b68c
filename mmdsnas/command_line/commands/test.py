"""Tests a checkpoint: the child of a search, or a child alone."""

import argparse

import mmengine
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from mmdsnas.command_line import run_config
from mmdsnas.command_line.arguments import (
    add_run_arguments,
    config_parser,
    show_user_errors,
)
from mmdsnas.command_line.checkpoints import Checkpoints
from mmdsnas.command_line.processes import start_processes
from mmdsnas.models import DSNAS
from mmdsnas.structures import (
    child_of_search,
    is_of_search,
    recorded_input_size,
    use_recorded_subnet,
)
from mmdsnas.utils.files import check_writable
from mmdsnas.utils.tables import metric_lines
from mmdsnas.utils.weights import load_weights


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
    checkpoints = Checkpoints(args.trust_checkpoint)
    checkpoint = checkpoints.load(args.checkpoint)
    config = run_config.load_config(
        args.config, args.cfg_options, input_size=recorded_input_size(checkpoint)
    )
    run_config.set_work_dir(config, args.work_dir)
    run_config.use_device(config)
    start_processes(config, args.launcher, args.local_rank)
    # The weights are those of the command line.
    config.load_from, config.resume = None, False
    use_recorded_subnet(config.model, checkpoint, args.cfg_options or {})
    if args.show_dir:
        config.default_hooks.visualization = dict(
            type='mmcls.VisualizationHook',
            enable=True,
            interval=1,
            out_dir=args.show_dir,
        )
    check_writable(config.work_dir, 'work_dir')
    with checkpoints.for_mmengine():
        runner = Runner.from_cfg(config)
        model = getattr(runner.model, 'module', runner.model)
        if is_of_search(checkpoint) and not isinstance(model, DSNAS):
            weights = child_of_search(checkpoint['state_dict'], model.state_dict())
            checkpoint['state_dict'] = weights
        load_weights(model, checkpoint, args.checkpoint)
        if args.out and args.out_item != 'metrics':
            runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
        metrics = runner.test()
    if not is_main_process():
        return
    print('\n'.join(metric_lines(metrics, digits=4)))
    if args.out and args.out_item == 'metrics':
        mmengine.dump(metrics, args.out)
