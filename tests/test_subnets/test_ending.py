"""Whether a search is done, by the epochs that it had and those of its plan."""

from logging import WARNING

import pytest
import torch

from mmdsnas.subnets import ending, how_it_ended, warn_of_unfinished, what_is_missing
from mmdsnas.visualization.tables import child_table

UNTRAINED, FREE, CHOSEN = 'initial values', 'not all blocks are fixed', 'is chosen'


def meta_of(epoch, *numbers, selects=False):
    names = ('max_epochs', 'pretrain_epochs', 'finetune_epochs')
    return dict(epoch=epoch, plan=dict(zip(names, numbers), selects=selects))


@pytest.mark.parametrize(
    'epoch, plan, said',
    [
        (1, (9, 2, 5), ['1 of 9', 'pretrain', UNTRAINED, '--resume']),
        (2, (9, 2, 5), ['2 of 9', 'pretrain', UNTRAINED]),
        (3, (9, 2, 5), ['3 of 9', 'search', FREE]),
        (5, (9, 2, 5), ['5 of 9', 'search', FREE]),
        (6, (9, 2, 5), ['6 of 9', 'finetune', CHOSEN]),
        (8, (9, 2, 5), ['8 of 9', 'finetune', CHOSEN]),
        (4, (4, 2, 5), ['max_epochs is 4', 'finetune_epochs, 5', FREE, 'larger']),
        (1, (1, 2, 5), ['max_epochs is 1', 'finetune_epochs, 5', UNTRAINED]),
        # Resumed with fewer epochs than it had.
        (4, (3, 2, 5), ['max_epochs is 3', 'finetune_epochs, 5', FREE]),
        (7, (7, 2, 2), [UNTRAINED, 'model.pretrain_epochs']),
    ],
)
def test_what_is_missing(epoch, plan, said):
    missing = what_is_missing(meta_of(epoch, *plan))
    assert all(part in missing for part in said), missing
    ended = how_it_ended(meta_of(epoch, *plan))
    assert missing in ended and 'done.' not in ended


@pytest.mark.parametrize(
    'meta',
    [
        meta_of(9, 9, 2, 5),
        # The search alone, and one that was resumed past its end.
        meta_of(5, 5, 2, 5),
        meta_of(9, 7, 2, 5),
        meta_of(9, 9, 5, 5, selects=True),
    ],
)
def test_done(meta):
    assert what_is_missing(meta) is None
    assert how_it_ended(meta) == 'The search is done.'


def test_selection_is_in_the_finetune_stage():
    assert UNTRAINED in what_is_missing(meta_of(5, 9, 5, 5, selects=True))
    assert CHOSEN in what_is_missing(meta_of(6, 9, 5, 5, selects=True))


@pytest.mark.parametrize(
    'meta',
    [
        {},
        dict(epoch=3),
        dict(epoch=3, plan='all'),
        meta_of(None, 9, 2, 5),
        meta_of(3, 9, 2.5, 5),
        meta_of(3, torch.zeros(2), 2, 5),
        meta_of(3, 9, 2),
    ],
)
def test_what_a_file_does_not_tell(meta):
    """It says neither that the search is done nor that it is not."""
    assert what_is_missing(meta) is None
    assert 'done' not in how_it_ended(meta)


def test_the_table_says_it():
    meta = dict(mflops=1.0, mparams=1.0, blocks={})
    assert child_table({**meta, **meta_of(3, 9, 2, 5)}, []).startswith(
        'The search is not finished: it has done 3 of 9'
    )
    assert 'search' not in child_table(meta, [])


def test_whoever_uses_the_child_is_told(monkeypatch):
    said = []
    monkeypatch.setattr(ending, 'print_log', lambda *args: said.append(args))
    warn_of_unfinished(dict(meta=meta_of(9, 9, 2, 5)), 'done.pth')
    warn_of_unfinished(dict(state_dict={}), 'bare.pth')
    assert not said
    warn_of_unfinished(dict(meta=meta_of(3, 9, 2, 5)), 'part.pth')
    ((text, _, level),) = said
    assert level == WARNING and 'part.pth' in text and '3 of 9' in text
