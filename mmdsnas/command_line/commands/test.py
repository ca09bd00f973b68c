"""Tests a checkpoint: the child of a search, or a child alone."""

import mmengine
from mmengine.dist import is_main_process

import mmdsnas
from mmdsnas.command_line.arguments import run_parser, show_user_errors
from mmdsnas.visualization.tables import metric_lines


@show_user_errors
def main() -> None:
    parser = run_parser(__doc__)
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
    given = vars(parser.parse_args())
    out, item = given.pop('out'), given.pop('out_item')
    if item and not out:
        parser.error('--out-item needs --out, the file for the results')
    predictions = None if item == 'metrics' else out
    if predictions and not predictions.endswith(('.pkl', '.pickle')):
        parser.error('--out of predictions must end in .pkl or .pickle')
    metrics = mmdsnas.test(**given, predictions=predictions)
    if not is_main_process():
        return
    print('\n'.join(metric_lines(metrics, digits=4)))
    if item == 'metrics':
        mmengine.dump(metrics, out)
