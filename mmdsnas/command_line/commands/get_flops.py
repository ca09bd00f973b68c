"""Prints parameters and FLOPs of a network, in all and by stage."""

import argparse
from functools import partial
from typing import Any, Dict

from mmengine.registry import init_default_scope

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import ConfigError
from mmdsnas.launch.input_size import input_channels, input_size
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import costs_by_stage
from mmdsnas.registry import MODELS
from mmdsnas.subnets import config_input_shape, sub_model, subnet_of_path
from mmdsnas.utils.data_sets import pipeline_of
from mmdsnas.visualization.tables import stage_table

COLUMNS = {
    'all': 'MFLOPs, all layers',
    'conv_linear': 'MFLOPs, convolutions and linear',
}


def parse_args() -> argparse.Namespace:
    parser = config_parser(__doc__)
    parser.add_argument(
        '--subnet',
        help='subnet file of the child to count; without one a search shows its '
        'cheapest and its most expensive path',
    )
    parser.add_argument(
        '--shape',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the images, by default that of the test pipeline',
    )
    args = parser.parse_args()
    if args.shape and min(args.shape) < 1:
        parser.error('--shape must be two numbers of at least 1')
    return args


def networks(model_cfg: Dict[str, Any], subnet) -> Dict[str, Any]:
    """What is to be counted, by title."""
    if model_cfg['type'].endswith('sub_model'):
        if subnet is not None:
            model_cfg['fix_subnet'] = subnet
        return {'The child': MODELS.build(model_cfg)}
    if not model_cfg['type'].endswith('DSNAS'):
        if subnet is not None:
            raise ConfigError(
                '--subnet must be left out for a config without a supernet, whose '
                f'model is a {model_cfg["type"]}.'
            )
        return {'The network': MODELS.build(model_cfg)}
    shape = config_input_shape(model_cfg)
    build = partial(sub_model, model_cfg['architecture'], input_shape=shape)
    if subnet is not None:
        return {f'The child {subnet}': build(subnet)}
    model: DSNAS = MODELS.build(model_cfg)
    children = {}
    paths = model.cost_table.extreme_paths()
    for title, path in zip(('The cheapest path', 'The most expensive path'), paths):
        subnet = subnet_of_path(model.architecture, model.mutator.search_groups, path)
        children[title] = build(subnet)
    return children


@show_user_errors
def main() -> None:
    args = parse_args()
    config = load_config(args.config, args.cfg_options)
    init_default_scope(config.get('default_scope', 'mmdsnas'))
    size = args.shape or input_size(pipeline_of(config.test_dataloader))
    shape = (1, input_channels(config), *size)
    for title, network in networks(config.model, args.subnet).items():
        by_stage, whole = costs_by_stage(network, shape, list(COLUMNS))
        heading = f'{title}, input {" x ".join(map(str, shape[1:]))}'
        print(stage_table(heading, by_stage, whole, list(COLUMNS.values())))
    print('MFLOPs are multiply-adds / 1e6. All layers: as MMRazor counts them.')
