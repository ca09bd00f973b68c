"""A format is one class: nothing else knows its name."""

import re
from pathlib import Path

import pytest
import torch

import mmdsnas
from mmdsnas.deployment import FORMATS, ChildFormat, Images, export_child
from mmdsnas.errors import ConfigError


class PickleFormat(ChildFormat):
    """Notes what an export asks of a format."""

    suffix = '.pickle'

    def write(self, program, path, metadata):
        torch.save(metadata, path)
        type(self).program = program.module()

    def runner(self, path):
        assert torch.load(path)['input'] == 'images'
        return self.program


def test_a_format_of_ones_own(child, images, monkeypatch, tmp_path):
    monkeypatch.setitem(FORMATS, 'pickle', PickleFormat)
    few = Images(images.samples, 3)
    result = export_child(child, few, tmp_path / 'child.pickle', 'pickle')
    assert torch.load(result.file) == result.metadata
    assert result.comparison.images == 3
    with pytest.raises(
        ConfigError, match='^--format must be onnx or openvino with --int8, but'
    ):
        export_child(child, few, tmp_path / 'x', 'pickle', calibration=few)
    with pytest.raises(
        ConfigError, match='^--format must be onnx or litert or openvino or pt2 or pi'
    ):
        export_child(child, few, tmp_path / 'x', 'h5')


def test_no_other_file_names_a_format():
    root = Path(mmdsnas.__file__).parent
    named = re.compile(rf'\b({"|".join(FORMATS)})\b')
    files = [
        *(root / 'deployment').rglob('*.py'),
        *(root / 'command_line').rglob('*.py'),
    ]
    found = {path.parent.name for path in files if named.search(path.read_text())}
    assert found == {'formats'}
