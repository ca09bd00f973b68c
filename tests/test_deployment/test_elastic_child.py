"""A file of a child that was cut out of shared weights."""

import onnxruntime
import pytest
import torch
from mmcls.structures import ClsDataSample
from mmengine.registry import init_default_scope

from mmdsnas.deployment import Images, export_child
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.mutables import blocks_of
from mmdsnas.subnets import sub_model
from mmdsnas.subnets.child import child_state_dict
from tests.elastic import SIZE, elastic, pretrained


@pytest.mark.slow
@pytest.mark.parametrize('format', ['onnx', 'pt2'])
@torch.no_grad()
def test_a_file_computes_what_the_supernet_does(tmp_path, format):
    init_default_scope('mmdsnas')
    supernet = build_architecture(elastic())
    supernet.load_state_dict(pretrained().state_dict())
    for k, op in enumerate(blocks_of(supernet).values()):
        op.current_choice = op.choices[-1 if k % 4 == 0 else 1]
    subnet = {n: op.current_choice for n, op in blocks_of(supernet).items()}
    child = sub_model(elastic(), subnet)
    child.load_state_dict(child_state_dict(supernet, subnet))

    pixels = torch.randint(256, (4, 3, SIZE, SIZE), dtype=torch.uint8)
    sample = ClsDataSample().set_gt_label(0)
    given = Images([dict(inputs=image, data_samples=sample) for image in pixels])
    file = tmp_path / f'child.{format}'
    result = export_child(child.eval(), given, file, format)
    assert result.comparison.largest < 1e-4
    wanted = supernet.eval()(pixels.float())
    if format == 'onnx':
        session = onnxruntime.InferenceSession(str(file))
        (name,) = [node.name for node in session.get_inputs()]
        found = torch.from_numpy(session.run(None, {name: pixels.float().numpy()})[0])
    else:
        found = torch.export.load(str(file)).module()(pixels.float())
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)
