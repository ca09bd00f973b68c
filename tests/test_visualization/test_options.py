import pytest
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.visualization.options import flat, option, read_options


def test_dumped_config_is_read_as_mmengine_reads_it(tmp_path):
    config = load_config('dsnas_supernet_8xb128_in1k')
    file = tmp_path / 'config.py'
    config.dump(str(file))
    options, text = read_options(file)
    assert text == file.read_text()
    wanted = dict(flat(Config.fromfile(file).to_dict()))
    assert dict(flat(options)) == wanted and len(wanted) > 100


def test_config_is_not_run(tmp_path):
    file = tmp_path / 'config.py'
    left = tmp_path / 'left'
    file.write_text(
        f'import os\na = open({str(left)!r}, "w")\nb = dict(c=-1.5, d=[1, (2, x)])\n'
        "e = {'f-g': None}\ne['f-g'] = 2\n"
    )
    options, _ = read_options(file)
    assert not left.exists()
    assert options.pop('a').startswith('open(')
    assert options == dict(b=dict(c=-1.5, d=[1, (2, 'x')]), e={'f-g': None})
    assert option(options, 'b.c') == -1.5
    assert option(options, 'b.c.z', 3) == 3 and option(options, 'q') is None


@pytest.mark.parametrize('text', ['{[1]: 2}', '{[1]: 2, **x}', '{{}}', '(' * 300, '\0'])
def test_text_that_is_no_config(tmp_path, text):
    file = tmp_path / 'config.py'
    file.write_text(f'model = {text}\n')
    with pytest.raises(
        ConfigError, match='must be a config that a run dumped, but can'
    ):
        read_options(file)
