"""What the documents need to be executed; each with blocks of code is named here."""

import sys
from typing import NamedTuple

from .fixtures import (
    Fixture,
    benchmark_of_few_images,
    digit_images,
    imagenet,
    images_by_class,
    interrupted_search,
    official_files,
    replaced,
    shell,
    splits,
)


class Document(NamedTuple):
    """What the blocks of one document need.

    Attributes:
        blocks (int): How many it has. Whoever adds one looks at how it is executed.
        words (dict[str, str]): What is written instead of words, mostly placeholders.
        before (list[Callable]): What makes files before the first block.
        files (list[str]): What the Python blocks are written to, in their order; one
            without a name is executed. Without files, blocks with a ``_base_`` are
            configs, which are checked, and others are executed.
        base (str): The ``_base_`` of configs that name none.
        after (str): What is added to configs.
    """

    blocks: int
    words: dict[str, str] = {}
    before: tuple[Fixture, ...] = ()
    files: list[str] = []
    base: str = ''
    after: str = ''


GUIDES = 'docs/en/user_guides/'
DIGITS = 'dsnas_supernet_1xb64_digits'
FASHION = 'dsnas_supernet_1xb128_fashion-mnist'
RETRAIN = 'dsnas_official-retrain240_8xb128_in1k'
SCRIPT = 'tools/device/onnxruntime.sh'
SEARCH_DIGITS = f'python tools/train.py {DIGITS} --work-dir work_dirs'

DOCUMENTS = {
    'CONTRIBUTING.md': Document(
        1,
        before=(
            replaced(
                'docs/en/notebooks/digits.ipynb',
                'randomness=dict(seed=0),',
                r'train_cfg=dict(max_epochs=3),\n    '
                'model=dict(pretrain_epochs=1, finetune_epochs=2),',
            ),
        ),
    ),
    'README.md': Document(6, before=(images_by_class,)),
    'configs/baselines/README.md': Document(
        1,
        words=dict(
            CHECKPOINT=f'work_dirs/spos_supernet_{FASHION[15:]}/epoch_3.pth',
            OUT='child',
        ),
    ),
    'configs/dsnas/README.md': Document(
        4,
        words={
            # A search of three epochs has no epoch 80.
            'epoch_80.pth': 'epoch_3.pth',
            'CHECKPOINT': f'work_dirs/{RETRAIN}/epoch_1.pth',
        },
        before=(imagenet,),
    ),
    'docs/en/method.md': Document(2, base=f'./{FASHION}.py'),
    'docs/en/performance.md': Document(
        3,
        # Where the examples are executed there need not be a GPU.
        words={'--device cuda': '--device cpu'},
    ),
    'docs/en/quality.md': Document(1, before=(benchmark_of_few_images,)),
    f'{GUIDES}coming_from.md': Document(
        2, words=dict(FILE='official.pth'), before=(imagenet, official_files)
    ),
    f'{GUIDES}data_speed.md': Document(
        5,
        before=(
            imagenet,
            images_by_class,
            splits('data/images'),
            replaced('benchmarks/speed/data.py', 'ROUNDS = 64, 9', 'ROUNDS = 16, 2'),
            replaced('benchmarks/speed/data.py', 'BATCH = 8', 'BATCH = 2'),
        ),
        base='./dsnas_supernet_1xb64_folder.py',
        after=(
            'train_dataloader = dict(dataset=dict(pipeline=train_pipeline))\n'
            'val_dataloader = dict(dataset=dict(pipeline=test_pipeline))\n'
        ),
    ),
    f'{GUIDES}export.md': Document(
        6,
        before=(digit_images, shell('make search')),
    ),
    f'{GUIDES}front.md': Document(
        6,
        words={
            "data_root='path/to/images',": (
                "data_root='path/to/images', own_images=dict(epochs=3),"
            ),
        },
        before=(images_by_class,),
    ),
    f'{GUIDES}imagenet.md': Document(
        5,
        words=dict(
            CONFIG='dsnas_supernet_8xb128_in1k',
            CHECKPOINT='work_dirs/mine/epoch_3.pth',
            WORK_DIR='work_dirs/mine',
            PARTITION='partition',
            JOB_NAME='name',
        ),
        before=(imagenet, splits('path/to/images')),
    ),
    f'{GUIDES}latency.md': Document(
        4,
        # python3 is one of the small commands there.
        words={SCRIPT: f'env PYTHON={sys.executable} {SCRIPT}'},
        base=f'./{FASHION}.py',
    ),
    f'{GUIDES}logs.md': Document(1),
    f'{GUIDES}official_checkpoints.md': Document(
        3,
        words=dict(FILE='official.pth', CHECKPOINT='mmrazor.pth'),
        before=(
            imagenet,
            official_files,
            shell(
                'python tools/train.py dsnas_supernet_8xb128_in1k --work-dir search\n'
                'mv search/epoch_3.pth mmrazor.pth'
            ),
        ),
    ),
    f'{GUIDES}memory.md': Document(3),
    f'{GUIDES}own_images.md': Document(6, before=(images_by_class,)),
    f'{GUIDES}own_search_space.md': Document(
        5,
        before=(splits('data/images'),),
        # The others are executed.
        files=['my_space/my_space.py', 'my_space/my_search.py', '', ''],
    ),
    f'{GUIDES}python_api.md': Document(
        5,
        words={
            'train_cfg=dict(max_epochs=45),': (
                'train_cfg=dict(max_epochs=3), train_dataloader=dict(num_workers=0), '
                'model=dict(pretrain_epochs=1, finetune_epochs=2),'
            ),
            "data_root='path/to/images',": (
                "data_root='path/to/images', own_images=dict(epochs=3),"
            ),
        },
        before=(digit_images, images_by_class),
    ),
    f'{GUIDES}report.md': Document(
        3,
        before=(
            shell(
                f'{SEARCH_DIGITS}/seed0\n'
                f'{SEARCH_DIGITS}/seed1 --cfg-options randomness.seed=1\n'
                'cp -r work_dirs/seed0 work_dirs/digits'
            ),
        ),
    ),
    f'{GUIDES}resume.md': Document(
        2,
        words={'CONFIG': DIGITS, 'epoch_12.pth': 'epoch_2.pth'},
        before=(interrupted_search,),
        base=f'./{DIGITS}.py',
    ),
}
