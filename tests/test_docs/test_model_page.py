"""The model page and the index of models say what is there."""

import re
from pathlib import Path

import pytest
import yaml
from mmengine.registry import init_default_scope

from mmdsnas.launch.run_config import load_config
from mmdsnas.models.cost import costs_by_stage
from mmdsnas.registry import MODELS
from mmdsnas.subnets import read_subnet
from mmdsnas.utils import find_config

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'configs' / 'dsnas' / 'README.md'
GUIDE = ROOT / 'docs' / 'en' / 'user_guides' / 'coming_from.md'
PAGES = [
    page
    for folder in ('.', 'docs', 'configs')
    for page in (ROOT.glob('*.md') if folder == '.' else (ROOT / folder).rglob('*.md'))
]
METAFILE = yaml.safe_load((PAGE.parent / 'metafile.yml').read_text())
MODELS_OF_METAFILE = {model['Name']: model for model in METAFILE['Models']}


def test_every_config_is_on_the_page_and_every_name_is_a_config():
    there = {config.stem for config in PAGE.parent.glob('*.py')}
    named = set(
        re.findall(
            r'\b(?:dsnas|spos)_[\w-]+_\d+xb\d+_[\w-]+',
            PAGE.read_text() + GUIDE.read_text(),
        )
    )
    searched = {name for name in there if '1xb' not in name or 'supernet' in name}
    assert searched <= named <= there
    for name in named:
        assert find_config(name).stem == name


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r'\]\(([^)#]+)', page.read_text()):
        if '://' not in link:
            assert (page.parent / link).exists(), link


def exists(config, option):
    """Whether a dotted option is in a config; 0, 1, ... count in lists."""
    value = config
    for key in option.split('.'):
        key = int(key) if key.isdigit() else key
        if isinstance(value, dict) and key not in value:
            return False
        value = value[key]
    return True


def test_options_of_the_guide_exist():
    roots = 'model optim_wrapper param_scheduler randomness train_cfg default_hooks '
    roots += 'train_dataloader val_dataloader'
    options = set(
        re.findall(rf'`((?:{"|".join(roots.split())})\.[\w.]+)', GUIDE.read_text())
    )
    assert len(options) > 12
    configs = [
        load_config(f'dsnas_official-{kind}_8xb128_in1k')
        for kind in ('supernet', 'retrain240')
    ]
    # They have a default in the class and are not in the configs.
    optional = {
        'model.architecture.backbone.stages',
        'model.architecture.backbone.norm_cfg.affine',
        'model.architecture.head.dropout',
        'default_hooks.checkpoint.save_best',
    }
    unknown = {o for o in options if not any(exists(c, o) for c in configs)}
    assert unknown == optional


@pytest.mark.parametrize('name', MODELS_OF_METAFILE)
def test_metafile(name):
    """Paths exist, costs are what is measured, also on the page."""
    init_default_scope('mmdsnas')
    model = MODELS_OF_METAFILE[name]
    assert (ROOT / model['Config']).stem == name
    config = load_config(name)
    subnet = read_subnet(config.model.fix_subnet)
    assert subnet == read_subnet(ROOT / model['Metadata']['Subnet'])
    _, (everything, part) = costs_by_stage(
        MODELS.build(config.model), (1, 3, 224, 224), ['all', 'conv_linear']
    )
    assert model['Metadata']['FLOPs'] == round(everything['flops'], 3) * 1e6
    assert model['Metadata']['Parameters'] == round(everything['params'], 3) * 1e6
    numbers = (everything['params'], everything['flops'], part['flops'])
    row = ' | '.join(f'{number:.3f}' for number in numbers)
    assert f'| {row} |' in PAGE.read_text()
    top1 = model['Results'][0]['Metrics']['Top 1 Accuracy']
    assert f'| {top1} |' in PAGE.read_text()


def test_index():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert [ROOT / path for path in index['Import']] == [PAGE.parent / 'metafile.yml']
    assert (ROOT / METAFILE['Collections'][0]['README']) == PAGE
