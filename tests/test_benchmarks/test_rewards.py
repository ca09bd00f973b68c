"""From finished recordings to table, file and picture."""

import json
import sys

import numpy as np
import pytest

from benchmarks.quality import rewards


def recording(seed, blocks=('0.0', '0.1'), count=3, steps=40):
    """What a job leaves; the first block's rewards are much smaller."""
    rng = np.random.default_rng(seed)
    depth = len(blocks)
    arrays = dict(
        paths=rng.integers(count, size=(steps, 2, depth)),
        others=rng.integers(count, size=(steps, depth)),
        losses=rng.random((steps, 2)),
        rewards=rng.random((steps, depth)) * [1e-6, 1e-2],
        counterfactual=rng.random((steps, depth)),
        truth_paths=rng.permuted(
            np.tile(np.arange(count)[:, None], (steps, 1, depth)), axis=1
        ),
        truth_losses=rng.random((steps, count)),
    )
    lists = {key: array.tolist() for key, array in arrays.items()}
    return dict(lists, blocks=list(blocks), candidates=['a', 'b', 'c'])


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Recordings of all supernets, and where results go."""
    for seed, name in enumerate(rewards.SUPERNETS):
        file = tmp_path / 'jobs' / f'{name}-40-0.json'
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(recording(seed)))
    monkeypatch.setattr(rewards, 'FILE', tmp_path / 'rewards.json')
    monkeypatch.setattr(rewards, 'FIGURE', tmp_path / 'rewards.svg')
    folder = str(tmp_path / 'jobs')
    monkeypatch.setattr(sys, 'argv', ['rewards', '--folder', folder, '--steps', '40'])
    return tmp_path


@pytest.mark.slow
def test_finished_recordings_become_table_file_and_picture(paths, capsys):
    rewards.main()
    results = json.loads(rewards.FILE.read_text())
    assert list(results) == sorted(rewards.SUPERNETS)
    for seed, (name, (title, *_)) in enumerate(rewards.SUPERNETS.items()):
        expected = recording(seed)
        assert results[name]['title'] == title
        assert results[name]['mean_loss'] == pytest.approx(np.mean(expected['losses']))
        paper = [b['estimators']['paper'] for b in results[name]['blocks'].values()]
        medians = np.median(expected['rewards'], axis=0)
        assert [p['median'] for p in paper] == pytest.approx(medians)
    printed = capsys.readouterr().out
    assert '…' not in printed  # nothing is cut off
    assert printed.count('counterfactual') == 2 * len(rewards.SUPERNETS)
    picture = rewards.FIGURE.read_bytes()
    assert all(title.encode() in picture for title, *_ in rewards.SUPERNETS.values())
    rewards.main()
    assert rewards.FIGURE.read_bytes() == picture


def test_only_some_supernets(paths, monkeypatch):
    (paths / 'jobs' / 'shufflenet_eps_1e-5-40-0.json').unlink()
    name = 'chain_eps_1e-5'
    monkeypatch.setattr(sys, 'argv', [*sys.argv, '--only', name])
    rewards.main()
    assert list(json.loads(rewards.FILE.read_text())) == [name]
    title = rewards.SUPERNETS[name][0]
    assert title in rewards.FIGURE.read_text()


def test_a_block_without_signal_has_dashes():
    found = dict.fromkeys(('median', 'cosine', 'spearman'), 0.0)
    found.update(cosine_interval=[-1, 1], ratio=None, steps=None, same_best=False)
    block = dict(true_gradient=0.0, estimators=dict(paper=found))
    made = rewards.table(dict(title='', steps=1, mean_loss=1.0, blocks={'0': block}))
    cells = {column.header: list(column.cells)[0] for column in made.columns}
    assert cells['length'] == cells['steps'] == '-'
