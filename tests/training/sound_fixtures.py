"""A teacher with the layers of YAMNet and random weights, and small sets of audio clips."""

from __future__ import annotations

import json
from pathlib import Path

import flatbuffers
import numpy as np
from PIL import Image

from mm.models.sound.yamnet_torch import SoundEncoder
from tests.sounds import bell, noise, siren, write_wav

NAMES = (
    "Speech",
    "Child speech, kid speaking",
    "Conversation",
    "Narration, monologue",
    "Babbling",
    "Siren",
    "Bell",
    "Rain (on roof)",
)


def write_names(path: Path) -> Path:
    path.write_text("\n".join(NAMES) + "\n")
    return path


def write_teacher(path: Path, seed: int = 0) -> Path:
    """Write 8-bit kernels with a scale for each output, and 32-bit biases."""
    random = np.random.default_rng(seed)
    constants: list[tuple[np.ndarray, np.ndarray]] = []
    shapes = {name: tuple(value.shape) for name, value in SoundEncoder(len(NAMES), 1).state_dict().items()}
    layers = ["stem", *(f"{kind}.{block}" for block in range(13) for kind in ("depths", "points")), "classes"]
    for layer in layers:
        outer, *inner = shapes[f"{layer}.weight"]
        size = (2 / np.prod(inner)) ** 0.5 * (4 if layer == "classes" else 1.2)
        kernel = random.integers(-127, 128, (outer, *inner), np.int8)
        scale = np.full(outer, size / 73, np.float32)
        axes = {"classes": (0, 1)}.get(layer, (1, 2, 3, 0) if layer.startswith("depths") else (0, 2, 3, 1))
        constants.append((kernel.transpose(axes), scale))
        constants.append(((random.random(outer) * 50).astype(np.int32), np.full(1, 0.01, np.float32)))
    path.write_bytes(_tflite(constants))
    return path


def write_esc10(folder: Path) -> Path:
    """Three labels; of each three clips of train, two of dev, and one of test without a file."""
    rows = []
    for index in range(18):
        label, make = (("fire_siren", siren), ("church_bell", bell), ("rain", noise))[index % 3]
        split = ("train", "train", "train", "dev", "dev", "test")[index // 3]
        file = f"audio/{label}/{index}.wav"
        if split != "test":
            write_wav(folder / file, make(1.2 + 0.1 * index) * np.float32(0.5 + 0.02 * index))
        rows.append({"file": file, "label": label, "split": split, "group": f"recording {index}"})
    _write_manifest(folder, rows)
    return folder


def write_tuxpaint(folder: Path) -> Path:
    """Stamps with images, names and sound effects; one has no sound effect, one a spoken name."""
    rows = []
    stamps = [("bell", bell, (200, 170, 30)), ("siren", siren, (220, 20, 20)), ("shower", noise, (40, 80, 220))]
    for index, split in enumerate(["train"] * 3 + ["dev"] * 3):
        name, make, colour = stamps[index % 3]
        picture = folder / f"{index}.png"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32, 3), colour, np.uint8)).save(picture)
        write_wav(folder / f"{index}.wav", make(1.0 + 0.1 * index))
        sounds = {} if index == 2 else {"any": {"file": f"{index}.wav"}}
        rows.append(
            {
                "image": picture.name, "image_type": "png", "text": {"en": f"A {name}."}, "group": name, "split": split,
                "sounds": sounds, "speech": {"en": {"file": f"{index}.wav"}} if index == 3 else {},
            }
        )  # fmt: skip
    _write_manifest(folder, rows)
    return folder


def write_background(folder: Path) -> Path:
    write_wav(folder / "video.wav", noise(2.0, 5))
    _write_manifest(folder, [{"file": "video.wav", "split": "all"}, {"file": "none.mp4", "split": "test"}])
    return folder


def write_captions(folder: Path) -> Path:
    captions = [
        "A siren wails",
        "A bell rings loudly",
        "Rain falls on a roof",
        "A fire siren goes off",
        "Bells ring in a church",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    _write_manifest(folder, [{"caption": caption, "split": "train"} for caption in captions])
    return folder


def write_texts(folder: Path) -> Path:
    """A quarter of the lines of `unshown.txt`, enough not to be separable from the captions."""
    lines = (Path("datasets") / "depictable" / "unshown.txt").read_text().splitlines()[::4]
    (folder / "depictable").mkdir(parents=True)
    (folder / "depictable" / "unshown.txt").write_text("\n".join(lines) + "\n")
    return folder


def _write_manifest(folder: Path, rows: list[dict[str, object]]) -> None:
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _tflite(constants: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """Model: 2 subgraphs, 4 buffers. SubGraph: 0 tensors. Tensor: 0 shape, 1 type, 2 buffer, 3
    name, 4 quantization."""
    builder = flatbuffers.Builder(1 << 20)
    tensors, buffers = [], [_table(builder, 1, {})]
    for number, (values, scale) in enumerate(constants):
        data = builder.CreateByteVector(np.ascontiguousarray(values).tobytes())
        buffers.append(_table(builder, 1, {0: data}))
        shape = builder.CreateNumpyVector(np.array(values.shape, np.int32))
        zero = builder.CreateNumpyVector(np.zeros(len(scale), np.int64))
        along = values.ndim - 1 if values.shape[0] == 1 and values.ndim == 4 else 0
        scales = builder.CreateNumpyVector(scale)
        quantization = _table(builder, 7, {2: scales, 3: zero}, {6: along})
        name = builder.CreateString(f"tensor {number}")
        kind = 9 if values.dtype == np.int8 else 2
        tensors.append(_table(builder, 5, {0: shape, 3: name, 4: quantization}, {2: number + 1}, {1: kind}))
    graph = _table(builder, 1, {0: _vector(builder, tensors)})
    graphs = _vector(builder, [graph])
    model = _table(builder, 5, {2: graphs, 4: _vector(builder, buffers)})
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())


def _table(
    builder: flatbuffers.Builder,
    slots: int,
    offsets: dict[int, int],
    integers: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
) -> int:
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (integers or {}).items():
        builder.PrependInt32Slot(slot, value, 0)
    for slot, value in (bytes_ or {}).items():
        builder.PrependInt8Slot(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
