"""A rank that has another search than rank 0 ends the run on all ranks."""

import torch
from mmengine.dist import get_rank

from mmdsnas.engine.hooks.safety.rank_agreement_hook import digests
from mmdsnas.errors import RankError
from tests.ranks import WRAPPER, on_ranks
from tests.toy_run import Keep, loader, runner_of, search_of


def run(folder, bits):
    """A search in which rank 1 changes one alpha; the sentence it ends with."""

    @torch.no_grad()
    def change(runner):
        if runner.epoch == 1 and get_rank() == 1 and bits:
            alpha = next(iter(runner.model.module.mutator.arch_params.values()))
            flipped = alpha[:1].view(torch.int32) ^ bits
            alpha[:1] = flipped.view(torch.float32)

    runner = runner_of(
        folder,
        [dict(type='RankAgreementHook'), Keep('after_train_iter', change, 99)],
        search_of(),
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        train_dataloader=loader(noise=True, batch_size=8),
        default_hooks=dict(checkpoint=None),
        val_dataloader=None,
        val_evaluator=None,
        val_cfg=None,
    )
    try:
        runner.train()
    except RankError as error:
        return str(error), runner.epoch
    return 'no error', runner.epoch


def both(folder):
    """With nothing changed, and with the last bit of one number."""
    return [run(folder, bits) for bits in (0, 1)]


def test_one_bit_ends_the_run_on_all_ranks(tmp_path):
    for unchanged, changed in on_ranks(2, tmp_path, both, tmp_path):
        assert unchanged == ('no error', 3)
        sentence, epoch = changed
        assert sentence.startswith('rank 1 differs from rank 0 in alpha after epoch 2:')
        assert '--resume' in sentence and epoch == 1


def test_each_part_has_a_digest():
    """Of the child apart from alpha: a tie may be broken in another way."""
    algorithm = search_of()
    before = digests(algorithm)
    assert before == digests(algorithm)
    name = algorithm.mutator.free[0]
    child = algorithm.mutator.derive_child()
    algorithm.mutator.fix({name: child[name]})
    after = digests(algorithm)
    assert [n for n in before if before[n] != after[n]] == ['the fixed blocks']
    (other,) = set(algorithm.mutator.choices(name)) - {child[name]}
    algorithm.mutator.fix({name: other})
    changed = digests(algorithm)
    assert [n for n in after if after[n] != changed[n]] == [
        'the fixed blocks',
        'the child',
    ]
