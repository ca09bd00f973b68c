"""Measures what the estimators of alpha's gradient know of a choice's true effect.

Four supernets (ShuffleNetV2 blocks and the chain, BatchNorm's eps 0.01 and 1e-5) are
trained on uniform paths; then each estimator's rewards are held against differences
of mean losses. 5 to 15 minutes of one core for each supernet. It may be stopped at
any time: the same command goes on with the supernets that are missing. The results go
to benchmarks/results/rewards.json and docs/en/figures/rewards.svg.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from ..jobs import parser, run_jobs
from ..output import RESULTS, write_json
from .pictures import save
from .reward_records import record_supernet
from .reward_statistics import summary

FILE = RESULTS / 'rewards.json'
FIGURE = Path(__file__).parents[2] / 'docs' / 'en' / 'figures' / 'rewards.svg'
# Title, config and eps by name.
SUPERNETS = {
    'shufflenet_eps_0.01': ('ShuffleNetV2, eps 0.01', 'rewards_shufflenet.py', 1e-2),
    'chain_eps_0.01': ('chain, eps 0.01', 'rewards_chain.py', 1e-2),
    'shufflenet_eps_1e-5': ('ShuffleNetV2, eps 1e-5', 'rewards_shufflenet.py', 1e-5),
    'chain_eps_1e-5': ('chain, eps 1e-5', 'rewards_chain.py', 1e-5),
}
COLUMNS = (
    *('block', 'true gradient', 'estimator', 'median', 'cosine', '95 %', 'length'),
    *('steps', 'Spearman', 'same best'),
)


def main() -> None:
    arguments = parser(__doc__, 'rewards')
    arguments.add_argument(
        '--steps', type=int, default=2000, help='recorded per supernet (%(default)s)'
    )
    arguments.add_argument(
        '--seed', type=int, default=0, help='of trainings and paths (%(default)s)'
    )
    arguments.add_argument(
        '--only',
        nargs='+',
        choices=SUPERNETS,
        default=list(SUPERNETS),
        metavar='NAME',
        help='supernets: some of %(choices)s',
    )
    args = arguments.parse_args()
    chosen = {name: SUPERNETS[name] for name in args.only}
    jobs = {
        f'{name}-{args.steps}-{args.seed}': (
            record_supernet,
            (config, eps, args.steps, args.seed, title),
        )
        for name, (title, config, eps) in chosen.items()
    }
    results = {}
    records = run_jobs(jobs, args.folder, args.workers).values()
    for (name, (title, *_)), record in zip(chosen.items(), records, strict=True):
        arrays = {key: np.array(value) for key, value in record.items()}
        results[name] = dict(
            title=title,
            steps=args.steps,
            seed=args.seed,
            mean_loss=float(arrays['losses'].mean()),
            candidates=record['candidates'],
            blocks=summary(arrays),
        )
        Console(width=120).print(table(results[name]))
    write_json(FILE, results)
    draw(results, FIGURE)
    print(f'Written: {FILE}, {FIGURE}')


def table(result: dict[str, Any]) -> Table:
    """All blocks and estimators of a supernet.

    Args:
        result (dict): ``title``, ``steps``, ``mean_loss`` and ``blocks``, see
            ``reward_statistics.summary``.
    """
    title = '{title}: {steps} steps, mean loss {mean_loss:.3f}'.format(**result)
    made = Table(*COLUMNS, title=title, title_justify='left', box=box.SIMPLE)
    for name, block in result['blocks'].items():
        first = [name, f'{block["true_gradient"]:.1e}']
        for estimator, found in block['estimators'].items():
            low, high = found['cosine_interval']
            made.add_row(
                *first,
                estimator,
                f'{found["median"]:.1e}',
                f'{found["cosine"]:.2f}',
                f'{low:.2f} to {high:.2f}',
                '-' if found['ratio'] is None else f'{found["ratio"]:.2g}',
                '-' if found['steps'] is None else f'{found["steps"]:.3g}',
                f'{found["spearman"]:.1f}',
                'yes' if found['same_best'] else 'no',
            )
            first = ['', '']
        made.add_section()
    return made


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Cosines by block and the paper's median reward, a panel for each supernet.

    Args:
        results (dict): See :func:`table`, by supernet.
        path (Path): The picture.
    """
    figure = Figure(figsize=(10, 6.5), layout='constrained')
    panels = figure.subplots(2, -(-len(results) // 2), squeeze=False)
    for panel, result in zip(panels.T.flat, results.values()):
        blocks = result['blocks']
        at = np.arange(len(blocks))
        rewards = panel.twinx()
        medians = [b['estimators']['paper']['median'] for b in blocks.values()]
        rewards.bar(at, medians, color='0.85', width=0.9)
        rewards.set_yscale('log')
        rewards.set_ylim(1e-7, 1)
        rewards.set_ylabel("median of the paper's |reward| (bars)")
        # The points are to be before the bars.
        panel.set_zorder(rewards.get_zorder() + 1)
        panel.patch.set_visible(False)
        for shift, name in enumerate(('paper', 'score', 'paired', 'counterfactual')):
            found = [b['estimators'][name] for b in blocks.values()]
            x = at + 0.18 * (shift - 1.5)
            middle = np.array([f['cosine'] for f in found])
            panel.vlines(
                x, *np.array([f['cosine_interval'] for f in found]).T, f'C{shift}'
            )
            panel.plot(x, middle, f'C{shift}o', ms=4, label=name)
        panel.axhline(0, color='0.5', lw=0.6)
        panel.set(
            title=result['title'],
            xticks=at,
            xticklabels=list(blocks),
            xlabel='block',
            ylim=(-1.05, 1.05),
            ylabel='cosine with the true gradient',
        )
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc='outside upper center', ncols=4
    )
    save(figure, path)


if __name__ == '__main__':
    main()
