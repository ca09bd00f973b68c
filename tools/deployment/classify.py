"""Classifies images by an exported network; nothing of mmdsnas is needed.

It can be copied to where the network is used. A `.onnx` file needs onnxruntime, a
`.pt2` file torch, a `.tflite` file ai-edge-litert, a `.xml` file and the `.bin` beside
it openvino; all need numpy and opencv-python, and pillow where the network was tested
with images that Pillow resized.
"""

import argparse
import json
import os
import sys
from typing import Any, Callable

import cv2
import numpy as np

METADATA = 'metadata.json'
INTERPOLATIONS = dict(
    nearest=cv2.INTER_NEAREST,
    bilinear=cv2.INTER_LINEAR,
    bicubic=cv2.INTER_CUBIC,
    area=cv2.INTER_AREA,
    lanczos=cv2.INTER_LANCZOS4,
)

Network = Callable[[np.ndarray], np.ndarray]


def load_network(path: str) -> tuple[Network, dict[str, Any]]:
    """Loads a file.

    Args:
        path (str): Its name ends in a suffix of ``LOADERS``.

    Returns:
        tuple: A function from a batch of images to their logits, and what the file says
        of its input and its classes.
    """
    load = LOADERS.get(os.path.splitext(path)[1])
    if load is None or not os.path.isfile(path):
        sys.exit(f'error: "{path}" must be a file that ends in {" or ".join(LOADERS)}.')
    return load(path)


def _load_onnx(path: str) -> tuple[Network, dict[str, Any]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
    return lambda batch: session.run(None, {about['input']: batch})[0], about


def _load_pt2(path: str) -> tuple[Network, dict[str, Any]]:
    import torch

    extra = {METADATA: ''}
    module = torch.export.load(path, extra_files=extra).module()
    network = torch.no_grad()(lambda batch: module(torch.from_numpy(batch)).numpy())
    return network, json.loads(extra[METADATA])


def _load_openvino(path: str) -> tuple[Network, dict[str, Any]]:
    import openvino

    model = openvino.Core().read_model(path)
    about = json.loads(model.get_rt_info([METADATA]).astype(str))
    # Some processors would compute in bfloat16.
    compiled = openvino.compile_model(model, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return lambda batch: compiled(batch)[0], about


def _load_litert(path: str) -> tuple[Network, dict[str, Any]]:
    import zipfile

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    (result,) = interpreter.get_output_details()

    def network(batch: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given['index'], batch)
        interpreter.invoke()
        return interpreter.get_tensor(result['index'])

    with zipfile.ZipFile(path) as archive:
        return network, json.loads(archive.read(METADATA))


LOADERS = {
    '.onnx': _load_onnx,
    '.pt2': _load_pt2,
    '.tflite': _load_litert,
    '.xml': _load_openvino,
}


def resized(image: np.ndarray, step: dict[str, Any]) -> np.ndarray:
    """Does one step of what the network was tested with.

    Args:
        image (np.ndarray): Shape (H, W, 3), or (H, W) in grey.
        step (dict): One of ``resize`` of what a file says.
    """
    height, width = image.shape[:2]
    if step['type'] == 'CenterCrop':
        size = step['crop_size']
        cut_width, cut_height = (size, size) if isinstance(size, int) else size
        top = max(0, round((height - cut_height) / 2))
        left = max(0, round((width - cut_width) / 2))
        return image[top : top + cut_height, left : left + cut_width]
    if step['type'] == 'Resize' and 'scale' in step and not step.get('keep_ratio'):
        scale = step['scale']
        size = (scale, scale) if isinstance(scale, int) else tuple(scale)
    elif step['type'] in ('ResizeEdge', 'LoadResizeEdge'):
        edges = dict(width=width, height=height)
        edges.update(short=min(width, height), long=max(width, height))
        # The given edge exactly, the other one rounded down.
        given = edges[step.get('edge', 'short')]
        size = tuple(int(step['scale'] * e / given) for e in (width, height))
    else:
        sys.exit(f'error: this script cannot do the step {step} of the pipeline.')
    how = step.get('interpolation', 'bilinear')
    if step.get('backend', 'cv2') == 'pillow':
        from PIL import Image

        kinds = dict(area='box')
        how = getattr(Image.Resampling, kinds.get(how, how).upper())
        return np.array(Image.fromarray(image).resize(size, how))
    return cv2.resize(image, size, interpolation=INTERPOLATIONS[how])


def reduced(
    content: np.ndarray, image: np.ndarray, short_edge: int | None
) -> np.ndarray:
    """Decodes a JPEG with its edges divided as the network was tested with.

    Args:
        content (np.ndarray): Bytes of the file.
        image (np.ndarray): The whole image, which that of other files stays.
        short_edge (int, optional): Pixels that its short edge has at least.
    """
    spare = min(image.shape[:2]) // short_edge if short_edge else 1
    factor = next((n for n in (8, 4, 2) if n <= spare), 1)
    if factor == 1 or content[:2].tobytes() != b'\xff\xd8':
        return image
    kind = 'GRAYSCALE' if image.ndim == 2 else 'COLOR'
    return cv2.imdecode(content, getattr(cv2, f'IMREAD_REDUCED_{kind}_{factor}'))


def load_image(path: str, about: dict[str, Any]) -> np.ndarray | None:
    """Loads an image as a network takes it.

    Args:
        path (str): The image.
        about (dict): What the network's file says.

    Returns:
        np.ndarray, optional: A batch of one; None of an image that cannot be decoded.
    """
    grey = about.get('channel_order') == 'GREY'
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        sys.exit(f'error: "{path}" cannot be read: {error.strerror}.')
    # Unlike imread, imdecode gives nothing of a truncated file.
    try:
        image = cv2.imdecode(
            content, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
        )
    except cv2.error:  # no content, or too many pixels
        image = None
    if image is None:
        return None
    for step in about['resize']:
        if step['type'] == 'LoadKeptImage':
            image = reduced(content, image, step['short_edge'])
        else:
            image = resized(image, step)
    if list(image.shape[:2]) != about['input_size']:
        sys.exit(
            f'error: "{path}" is {image.shape[:2]} after its steps, but the network '
            f'takes {about["input_size"]}.'
        )
    if grey:
        image = image[..., None]
    if about['channel_order'] == 'RGB':
        image = image[..., ::-1]
    if about['mean'] is not None:
        image = (image - np.array(about['mean'])) / about['std']
    if about['layout'] == 'NCHW':
        image = image.transpose(2, 0, 1)
    return np.ascontiguousarray(image[None], about['dtype'])


def printable(name: str) -> str:
    """A name on one line, whatever bytes a file has in it."""
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def labels(
    logits: np.ndarray, several: dict[str, Any] | None
) -> list[tuple[int, float]]:
    """What a network says of an image.

    Args:
        logits (np.ndarray): One number for each class.
        several (dict, optional): How labels are chosen where an image has several.

    Returns:
        list[tuple[int, float]]: Classes and their probabilities: the most probable
        one, or the labels of several, the most probable one first.
    """
    order = (-logits).argsort()
    if several is None:
        scores = np.exp(logits - logits.max())
        return [(int(order[0]), scores.max() / scores.sum())]
    scores = 1 / (1 + np.exp(-logits))
    if several['threshold'] is None:
        order = order[: several['topk']]
    else:
        order = [i for i in order if scores[i] >= several['threshold']]
    return [(int(i), scores[i]) for i in order]


def main() -> None:
    """Prints a line for each image, or on stderr that it is left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('network', help=f'file that ends in {" or ".join(LOADERS)}')
    parser.add_argument('images', nargs='+', metavar='IMAGE')
    args = parser.parse_args()
    network, about = load_network(args.network)
    for path in args.images:
        image = load_image(path, about)
        if image is None:
            print(printable(f'left out, cannot be decoded: {path}'), file=sys.stderr)
            continue
        logits = network(image)[0].astype(np.float64)
        found = labels(logits, about.get('several_labels'))
        names = about['classes'] or [f'class {i}' for i in range(len(logits))]
        text = ', '.join(f'{names[i]} ({score:.3f})' for i, score in found)
        print(printable(f'{path}: {text or "none of the classes"}'))


if __name__ == '__main__':
    main()
