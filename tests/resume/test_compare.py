"""A comparison that saw too little would call every cell exact."""

import json

import pytest
import torch

from tests.resume.compare import differences, logged, same
from tests.resume.matrix import first_epochs

LINES = [
    dict(loss=2.5, fixed_blocks=1, time=0.1, step=1),
    dict(loss=2.25, time=0.2, step=2),
    {'accuracy/top1': 50.0, 'time': 0.3, 'step': 1},
]


def checkpoint(folder, time='12:00', resume=False, weight=1.0, moment=0.5):
    log = dict(values=torch.tensor([2.5, 2.25]))
    return dict(
        meta=dict(time=time, epoch=1, cfg=f'lr = 0.1\nresume = {resume}\nseed = 0\n'),
        state_dict=dict(w=torch.tensor([0.0, weight])),
        optimizer=dict(state={0: dict(momentum=torch.tensor(moment))}),
        message_hub=dict(
            runtime_info=dict(last_ckpt=str(folder / 'epoch_1.pth')),
            log_scalars={
                'train/loss': log,
                'train/time': dict(values=torch.rand(2)),
            },
        ),
    )


def write_logs(folder, lines, start='20260101_000000', end='\n'):
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)) + end)


def write(folder, lines=LINES, time='12:00', **kwargs):
    folder.mkdir()
    torch.save(checkpoint(folder, time, **kwargs), folder / 'epoch_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    (folder / 'subnet.yaml').write_text('chosen: a\n')
    (folder / 'search.py').write_text(f'resume = {kwargs.get("resume")}\n')
    (folder / 'report.html').write_text(f'it began at {time}')
    (folder / 'report').mkdir()
    (folder / 'report' / 'loss.svg').write_text('<svg/>')
    write_logs(folder, lines)
    return folder


@pytest.fixture
def reference(tmp_path):
    return write(tmp_path / 'reference')


def test_times_paths_and_the_resume_itself_may_differ(tmp_path, reference):
    # A count comes back as a float from a checkpoint.
    later = [dict(LINES[0], fixed_blocks=1.0), *LINES[1:]]
    later = [dict(line, time=9.9) for line in later]
    other = write(tmp_path / 'other', later, time='13:00', resume=True)
    # A resumed run repeats iterations.
    write_logs(other, later[:1], '20260101_000001')
    assert differences(reference, other) == []


@pytest.mark.parametrize(
    'change, first',
    [
        (dict(weight=1.0 + 2**-23), '/state_dict/w differs in 1 of 2 values by up to'),
        (dict(moment=0.25), '/optimizer/state/0/momentum differs in 1 of 1'),
    ],
)
def test_sees_tensors(tmp_path, reference, change, first):
    (found,) = differences(reference, write(tmp_path / 'other', **change))
    assert found.startswith(f'epoch_1.pth: {first}')


def test_sees_the_sign_of_zero_and_types():
    assert not same(torch.tensor(0.0), torch.tensor(-0.0))
    assert same(torch.tensor(float('nan')), torch.tensor(float('nan')))
    assert not same(torch.zeros(2), torch.zeros(2, dtype=torch.float64))
    assert not same(torch.zeros(2), torch.zeros(1, 2))
    assert not same(1, 1.0)


def test_sees_files(tmp_path, reference):
    other = write(tmp_path / 'other')
    (other / 'last_checkpoint').write_text('epoch_2.pth')
    (other / 'subnet.yaml').write_text('chosen: b\n')
    (other / 'report' / 'loss.svg').write_text('<svg> </svg>')
    (other / '.epoch_1.pth.tmp').touch()
    (reference / 'epoch_0.pth').touch()
    assert sorted(differences(reference, other)) == [
        '.epoch_1.pth.tmp is left over',
        'epoch_0.pth is missing',
        'last_checkpoint names epoch_2.pth',
        'report/loss.svg differs',
        'subnet.yaml differs',
    ]


def test_sees_a_damaged_checkpoint(tmp_path, reference):
    other = write(tmp_path / 'other')
    whole = (other / 'epoch_1.pth').read_bytes()
    (other / 'epoch_1.pth').write_bytes(whole[: len(whole) // 2])
    (found,) = differences(reference, other)
    assert found.startswith('epoch_1.pth: / is left over')


@pytest.mark.parametrize(
    'lines, sentence',
    [
        (LINES[:1] + LINES[2:], 'loss of iteration 2 is , not 2.25'),
        (
            [LINES[0], dict(loss=2.26, step=2), *LINES[1:]],
            'loss of iteration 2 is 2.25 and 2.26, not 2.25',
        ),
        (
            [*LINES[:2], {'accuracy/top1': 51.0, 'step': 1}],
            'accuracy/top1 of epoch 1 is 51.0, not 50.0',
        ),
    ],
)
def test_sees_logged_values(tmp_path, reference, lines, sentence):
    other = write(tmp_path / 'other', lines)
    assert differences(reference, other) == [f'logs: {sentence}']


def test_a_line_that_a_kill_cut_off_is_none(tmp_path):
    write_logs(tmp_path, LINES[:1], end='\n{"loss": 2.')
    assert logged(tmp_path) == {
        ('iteration', 1, 'loss'): [2.5],
        ('iteration', 1, 'fixed_blocks'): [1.0],
    }


def test_tells_where_each_start_began(tmp_path):
    """5 iterations an epoch; a run that starts all over again is seen."""
    for start, steps in enumerate([(1, 2), (6, 7, 8), (1, 2)]):
        lines = [dict(loss=0.0, step=step) for step in steps]
        write_logs(tmp_path, lines, f'20260101_00000{start}')
    assert first_epochs(tmp_path) == [0, 1, 0]
