import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from mmdsnas.deployment import Images, export_child
from mmdsnas.deployment.network import Network
from mmdsnas.models.int8 import Int8


@pytest.mark.slow
@pytest.mark.parametrize('with_preprocess', [False, True])
def test_int8_is_smaller_and_its_accuracy_is_measured(
    with_preprocess, child, images, tmp_path
):
    result = export_child(
        child,
        images,
        tmp_path / 'child.onnx',
        with_preprocess=with_preprocess,
        calibration=Images(images.samples, 10),
    )
    assert result.int8_file == tmp_path / 'child.int8.onnx'
    model = onnx.load(result.int8_file)
    weights = {t.name: t for t in model.graph.initializer}
    kinds = [node.op_type for node in model.graph.node]
    # Each convolution has a weight in int8 with a scale for each output channel.
    scales = [
        weights[node.input[1]]
        for node in model.graph.node
        if node.op_type == 'DequantizeLinear' and 'weight_scale' in node.input[1]
    ]
    assert len(scales) == kinds.count('Conv') + kinds.count('Gemm')
    assert all(len(scale.dims) == 1 and scale.dims[0] > 1 for scale in scales)
    assert [p for p in model.metadata_props if p.key == 'metadata.json']

    pixels = torch.cat([batch for batch, _ in images])
    if with_preprocess:
        inputs = pixels.flip(1).permute(0, 2, 3, 1).numpy()
    else:
        inputs = child.data_preprocessor(dict(inputs=pixels))['inputs'].numpy()
    logits = [
        ort.InferenceSession(file).run(None, dict(images=inputs))[0]
        for file in (result.file, result.int8_file)
    ]
    float32, int8 = (scores.argmax(1) for scores in logits)
    compared = result.int8_comparison
    assert compared.before == pytest.approx((float32 == np.arange(40) % 5).mean())
    assert compared.after == pytest.approx((int8 == np.arange(40) % 5).mean())
    assert compared.agreeing == (float32 == int8).sum() > 30
    difference = np.abs(logits[0] - logits[1])
    assert compared.largest == pytest.approx(difference.max(), rel=1e-3)
    assert 1e-4 < difference.mean() < 0.3 * logits[0].std(0).mean()


@pytest.mark.slow
def test_a_search_judges_by_what_the_file_computes(child, images, tmp_path):
    """It simulates int8; what it gets is nearer to the file's than float32."""
    few = Images(images.samples, 10)
    export_child(child, images, tmp_path / 'child.onnx', calibration=few)
    network, int8 = Network(child), Int8()
    int8.calibrate(network, [network.inputs(batch) for batch, _ in few])
    inputs = network.inputs(torch.cat([batch for batch, _ in images]))
    session = ort.InferenceSession(tmp_path / 'child.int8.onnx')
    wanted = torch.from_numpy(session.run(None, dict(images=inputs.numpy()))[0])
    with torch.no_grad():
        float32 = network(inputs)
        with int8.executing():
            found = network(inputs)
    assert (found - wanted).abs().mean() < 0.9 * (float32 - wanted).abs().mean()
    agreeing = (found.argmax(1) == wanted.argmax(1)).sum()
    assert agreeing >= max((float32.argmax(1) == wanted.argmax(1)).sum(), 36)
