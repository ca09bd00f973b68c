"""Soft labels: which images they are of, and what cannot have any."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import BaseDataset, RepeatDataset
from mmengine.runner import Runner

from mmdsnas.engine.labelling import check_labels, images_of, labels_of
from mmdsnas.errors import ConfigError, DataError
from mmdsnas.registry import DATASETS
from tests.small_choice import ColouredPictures, config_of


@DATASETS.register_module(force=True)
class TurnedPictures(ColouredPictures):
    """They come in another order than that of their places."""

    def get_data_info(self, idx):
        turned = super().get_data_info((7 * idx + 5) % len(self))
        return {**turned, 'sample_idx': (7 * idx + 5) % len(self)}


@DATASETS.register_module(force=True)
class Tuples(ColouredPictures):
    """Images and labels, as torch's data sets give them."""

    def __getitem__(self, idx):
        return torch.zeros(3, 16, 16), 0


class Files(BaseDataset):
    """A list of files in a folder."""

    def __init__(self, root, files):
        self.files = files
        super().__init__(data_root=root)

    def load_data_list(self):
        return [
            dict(img_path=f'{self.data_root}/{path}', gt_label=label)
            for path, label in self.files
        ]


def runner_of(folder, **options):
    runner = Runner.from_cfg(config_of(folder, **options))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    return runner


def check(runner):
    check_labels(runner, runner.model)


FILES = [('a/1.png', 0), ('a/2.png', 0), ('b/1.png', 1)]


@pytest.mark.parametrize(
    'files',
    [
        FILES[:2],
        [*FILES, ('b/2.png', 1)],
        [('a/1.png', 0), ('a/3.png', 0), ('b/1.png', 1)],
        [('a/1.png', 0), ('a/2.png', 1), ('b/1.png', 1)],
        [FILES[1], FILES[0], FILES[2]],
    ],
    ids=['removed', 'added', 'renamed', 'other class', 'other order'],
)
def test_a_digest_tells_images_apart(files):
    one = images_of(Files('/data', FILES))
    assert one.shape == (32,) and one.dtype == torch.uint8
    assert not torch.equal(one, images_of(Files('/data', files)))


def test_a_digest_is_of_the_images_alone():
    one = images_of(Files('/data', FILES))
    moved = Files('/other/place/', FILES)
    assert torch.equal(one, images_of(moved))
    assert torch.equal(one, images_of(RepeatDataset(moved, 3)))


@pytest.mark.parametrize('number', [20, 30])
def test_labels_of_other_images_are_refused(tmp_path, number):
    """A run that is resumed where images were added or removed."""
    runner = runner_of(tmp_path, train_dataloader__dataset__number=number)
    labels = runner.model.soft_labels
    labels.set(torch.zeros(24, 3), images_of(ColouredPictures()))
    with pytest.raises(DataError, match='^the training images must be the 24 whose'):
        check(runner)
    labels.set(torch.zeros(number, 3), images_of(runner.train_dataloader.dataset))
    check(runner)


@torch.no_grad()
def test_a_row_is_the_label_of_the_image_of_its_place(tmp_path):
    """In whatever order the images come."""
    runner, found = runner_of(tmp_path), []
    for kind in ('ColouredPictures', 'TurnedPictures'):
        runner.cfg.train_dataloader.dataset.type = f'mmdsnas.{kind}'
        found.append(labels_of(runner, runner.model))
    assert found[0].shape == (24, 3) and len(found[0].unique(dim=0)) == 24
    torch.testing.assert_close(*found)


def called_apart(runner):
    """A head whose loss computes its logits by itself."""
    head = runner.model.head
    head.loss = lambda feats, samples: dict(loss=head.fc(feats[-1]).sum())


PACKED = dict(type='mmcls.PackClsInputs', meta_keys=())


@pytest.mark.parametrize(
    'options, message',
    [
        (
            dict(train_dataloader__dataset__type='mmdsnas.Tuples'),
            r'sample_idx .*dataset gives a tuple without data_samples\.$',
        ),
        (
            dict(train_dataloader__dataset__pipeline=[PACKED]),
            r'sample_idx .* train_dataloader\.dataset packs none\.$',
        ),
        (
            dict(val_dataloader__dataset__pipeline=[PACKED]),
            r'sample_idx .* in val_dataloader, but .* packs none\.$',
        ),
        (
            dict(val_dataloader__dataset__pipeline=[]),
            r'have a validation, .* val_dataloader\.dataset\.pipeline has none\.$',
        ),
    ],
)
def test_what_has_no_labels(tmp_path, options, message):
    with pytest.raises(ConfigError, match=rf'^model\.distillation .*{message}'):
        check(runner_of(tmp_path, **options))


def test_several_data_sets_have_no_places(tmp_path):
    runner = runner_of(tmp_path)
    one = runner.cfg.train_dataloader.dataset
    several = ConfigDict(type='ConcatDataset', datasets=[one, one])
    runner.cfg.train_dataloader.dataset = several
    message = r'one data set .* has 2: dataset\.datasets\.0, dataset\.datasets\.1\.$'
    with pytest.raises(ConfigError, match=message):
        check(runner)


def test_a_head_that_is_not_called_is_refused(tmp_path):
    """Before the work, and the model is as it was."""
    runner = runner_of(tmp_path)
    check(runner)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    called_apart(runner)
    with pytest.raises(ConfigError, match='loss calls its head, .* is not called'):
        check(runner)
    after = runner.model.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())
    assert runner.model.training
