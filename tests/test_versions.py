import importlib
import re
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import mmdsnas
from mmdsnas import versions
from mmdsnas.versions import TESTED, __version__, pinned, untested_versions

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'


@pytest.fixture
def installed(monkeypatch):
    """Installed versions to pretend; None is a missing package."""
    pretended = {}

    def find(name):
        have = pretended[name] if name in pretended else version(name)
        if have is None:
            raise PackageNotFoundError(name)
        return have

    monkeypatch.setattr(versions, 'version', find)
    return pretended


def messages_of_import():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        importlib.reload(mmdsnas)
    return [str(w.message) for w in caught]


def test_tested_versions_are_installed_and_silent():
    assert untested_versions() == []
    assert messages_of_import() == []


def test_requirements_pin_the_tested_versions():
    pins = pins_of('runtime.txt')
    for name in TESTED:
        distribution, release = pinned(name)
        assert pins[distribution] == release


def test_every_other_release_is_of_a_stack():
    """And a stack says what it has in the place of which packages."""
    stacks = sorted((REQUIREMENTS / 'stacks').glob('*.txt'))
    found = {(d, r) for path in stacks for d, r in pins_of(path).items()}
    pins = pins_of('runtime.txt')
    # A full mmcv is the same release as mmcv-lite.
    tested = {
        (distribution, release)
        for distributions in TESTED.values()
        for distribution, releases in distributions.items()
        for release in releases
        if pins.get(distribution) != release and distribution != 'mmcv'
    }
    assert found == tested and found
    for path in stacks:
        (line,) = re.findall('^# In place of: (.*)$', path.read_text(), re.MULTILINE)
        replaced = {n for n in TESTED if pinned(n)[0] in line.split()}
        provided = {n for n in TESTED if set(TESTED[n]) & pins_of(path).keys()}
        assert replaced == provided and len(line.split()) == len(replaced)


def pins_of(file):
    lines = (REQUIREMENTS / file).read_text().splitlines()
    return dict(line.split('==') for line in lines if not line.startswith('#'))


@pytest.mark.parametrize('name', TESTED)
def test_untested_version_is_named_in_one_sentence(installed, name):
    for distribution, releases in TESTED[name].items():
        installed.update(dict.fromkeys(TESTED[name]), **{distribution: '9.9.9'})
        (message,) = messages_of_import()
        assert message == (
            f'mmdsnas {__version__} was not tested with {distribution} 9.9.9 '
            f'(tested: {", ".join(releases)}).'
        )


def test_all_untested_versions_share_one_sentence(installed, monkeypatch):
    installed.update(torch='2.0.1', mmcls='1.0.0')
    monkeypatch.setattr(
        versions.platform, 'python_version_tuple', lambda: ('3', '99', '1')
    )
    (message,) = messages_of_import()
    assert re.findall(r'(\w+) [\d.]+ \(tested', message) == ['Python', 'torch', 'mmcls']


@pytest.mark.slow
def test_warning_points_at_the_importing_line(run_python, tmp_path):
    (tmp_path / 'user.py').write_text('import mmdsnas\n')
    assert run_python(
        """
import platform, warnings
platform.python_version_tuple = lambda: ('3', '99', '1')
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import user
print([w.filename for w in caught if 'not tested with' in str(w.message)])
""",
        tmp_path,
    ).strip() == str([str(tmp_path / 'user.py')])


def test_build_tags_and_patch_releases_of_python_do_not_count(installed, monkeypatch):
    installed['torch'] = pinned('torch')[1] + '+cu999'
    monkeypatch.setattr(
        versions.platform,
        'python_version_tuple',
        lambda: (*versions.TESTED_PYTHON.split('.'), '99'),
    )
    assert untested_versions() == []


@pytest.mark.parametrize(
    'name, distribution', [(n, d) for n, own in TESTED.items() for d in own]
)
def test_each_distribution_of_a_package_will_do(installed, name, distribution):
    for release in TESTED[name][distribution]:
        installed.update(dict.fromkeys(TESTED[name]), **{distribution: release})
        assert messages_of_import() == []


@pytest.mark.parametrize('name', TESTED)
def test_missing_package_is_named_in_one_sentence(installed, name):
    installed.update(dict.fromkeys(TESTED[name]))
    with pytest.raises(ImportError) as error:
        importlib.reload(mmdsnas)
    message = str(error.value)
    assert f'mmdsnas needs the package {name}, which is not installed' in message
    assert f'"{"==".join(pinned(name))}"' in message
    assert '\n' not in message
