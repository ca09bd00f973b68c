"""What the documents need to be executed; one that is not named needs nothing."""

from typing import Dict, List, NamedTuple, Tuple

from .scratch import (
    Fixture,
    benchmark_of_few_images,
    interrupted_search,
    official_files,
    shell,
)


class Document(NamedTuple):
    """What the blocks of one document need.

    Attributes:
        words (dict[str, str]): What is written instead of words, mostly placeholders.
        before (list[Callable]): What makes files before the first block.
        files (list[str]): What the Python blocks are written to, in their order. By
            default one with a ``_base_`` is a config, which is checked, and another
            one is executed.
        base (str): The ``_base_`` of configs that name none.
        after (str): What is added to Python blocks.
        left_out (dict[str, str]): Why blocks are not executed, by their first words.
    """

    words: Dict[str, str] = {}
    before: Tuple[Fixture, ...] = ()
    files: List[str] = []
    base: str = ''
    after: str = ''
    left_out: Dict[str, str] = {}


GUIDES = 'docs/en/user_guides/'
FASHION = 'dsnas_supernet_1xb128_fashion-mnist'
OFFICIAL = 'dsnas_official-supernet_8xb128_in1k'
RETRAIN = 'dsnas_official-retrain240_8xb128_in1k'
NEEDS_A_GPU = 'it needs a GPU'

DOCUMENTS = {
    'configs/baselines/README.md': Document(
        words=dict(
            CHECKPOINT=f'work_dirs/spos_supernet_{FASHION[15:]}/epoch_3.pth',
            OUT='child',
        ),
    ),
    'configs/dsnas/README.md': Document(
        words={
            # A search of three epochs has no epoch 80.
            'epoch_80.pth': 'epoch_3.pth',
            'CHECKPOINT': f'work_dirs/{RETRAIN}/epoch_1.pth',
        },
    ),
    'docs/en/method.md': Document(base=f'./{FASHION}.py'),
    'docs/en/performance.md': Document(
        left_out={"make bench BENCH_ARGS='--device cuda": NEEDS_A_GPU},
    ),
    'docs/en/quality.md': Document(before=(benchmark_of_few_images,)),
    f'{GUIDES}coming_from.md': Document(
        words=dict(FILE='official.pth'), before=(official_files,)
    ),
    f'{GUIDES}data_speed.md': Document(
        base='./dsnas_supernet_1xb64_folder.py',
        after=(
            'train_dataloader = dict(dataset=dict(pipeline=train_pipeline))\n'
            'val_dataloader = dict(dataset=dict(pipeline=test_pipeline))\n'
        ),
        left_out={"make bench BENCH_ARGS='--only data'": 'it takes 20 minutes'},
    ),
    f'{GUIDES}imagenet.md': Document(
        words=dict(
            CONFIG='dsnas_supernet_8xb128_in1k',
            CHECKPOINT='work_dirs/mine/epoch_3.pth',
            WORK_DIR='work_dirs/mine',
            PARTITION='partition',
            JOB_NAME='name',
        ),
    ),
    f'{GUIDES}latency.md': Document(base=f'./{FASHION}.py'),
    f'{GUIDES}official_checkpoints.md': Document(
        words=dict(FILE='official.pth', CHECKPOINT='mmrazor.pth'),
        before=(
            official_files,
            shell(
                'python tools/train.py dsnas_supernet_8xb128_in1k --work-dir search\n'
                'mv search/epoch_3.pth mmrazor.pth'
            ),
        ),
    ),
    f'{GUIDES}own_search_space.md': Document(
        files=['my_space/my_space.py', 'my_space/my_search.py'],
    ),
    f'{GUIDES}resume.md': Document(
        words={'CONFIG': 'dsnas_supernet_1xb64_digits', 'epoch_12.pth': 'epoch_2.pth'},
        before=(interrupted_search,),
        base='./dsnas_supernet_1xb64_digits.py',
    ),
}
