"""All that the stages train on, as tensors on the training device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.language.captions import find_source, make_sentences
from mm.data.language.evidence.examples import EvidenceExample
from mm.data.language.image_questions import ImageQuestion, draw_image_questions
from mm.data.language.sources import SourcePool
from mm.errors import InvalidInput
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.data_sets.examples import encode_captions, encode_image_question
from mm.training.language.data_sets.image_features import ImageFeatures
from mm.training.language.sequences.batches import TextExample

VECTOR_SCALE = 127.0
"""Stored text vectors are integers from -127 to 127, each divided by the largest of its row."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionSet:
    """Images with their captions as text and as token ids; without features, vectors of texts."""

    references: list[tuple[str, ...]]
    ids_NJU: Tensor
    lengths_NJ: Tensor
    features: ImageFeatures | None = None
    vectors_ND: Tensor | None = None

    def __len__(self) -> int:
        return len(self.references)


@dataclass(frozen=True, slots=True, eq=False)
class QuestionSet:
    """Questions about the images of a `CaptionSet` by kind; each with the row of its image."""

    by_kind: dict[str, list[tuple[int, TextExample]]]
    questions: dict[str, list[ImageQuestion]]
    """The same as text, in the same order."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """The examples of a split, those without images apart."""

    captions: CaptionSet
    questions: QuestionSet
    evidence: list[TextExample]
    texts: CaptionSet | None = None

    def with_texts(self, texts: CaptionSet) -> TrainingData:
        """The same with captions without images."""
        return replace(self, texts=texts)


@dataclass(frozen=True, slots=True, eq=False)
class DevSet:
    """What is measured on; `evidence` holds questions over moments as structures, `data` none."""

    data: TrainingData
    evidence: list[EvidenceExample]


def make_caption_set(
    tokenizer: LanguageTokenizer,
    references: Sequence[tuple[str, ...]],
    device: torch.device,
    features: ImageFeatures | None = None,
    vectors_ND: Tensor | None = None,
) -> CaptionSet:
    """Encode the captions of images."""
    tokens = encode_captions(tokenizer, references)
    ids, lengths = torch.from_numpy(tokens.ids_NJU).to(device), torch.from_numpy(tokens.lengths_NJ).to(device)
    return CaptionSet(list(references), ids, lengths, features, vectors_ND)


def make_question_set(tokenizer: LanguageTokenizer, images: Sequence[CaptionedImage], split: str, count: int) -> QuestionSet:
    """Draw up to `count` questions of each kind. Raises `InvalidInput` for too few images."""
    if count == 0:
        return QuestionSet({}, {})
    row_of = {find_source(image.path): row for row, image in enumerate(images)}
    by_kind: dict[str, list[tuple[int, TextExample]]] = defaultdict(list)
    questions: dict[str, list[ImageQuestion]] = defaultdict(list)
    for question in draw_image_questions(SourcePool(images), split, count, 0):
        by_kind[question.kind].append((row_of[question.source], encode_image_question(tokenizer, question)))
        questions[question.kind].append(question)
    return QuestionSet(dict(by_kind), dict(questions))


def make_training_data(
    folder: Path,
    split: str,
    tokenizer: LanguageTokenizer,
    features: ImageFeatures,
    evidence: list[TextExample],
    num_questions: int,
    device: torch.device,
) -> TrainingData:
    """The data of a split whose images have these features; up to `num_questions` of each kind.

    Raises `InvalidInput` as the data does.
    """
    images = read_captioned_images(folder, split)
    references = [make_sentences(image.captions) for image in images]
    captions = make_caption_set(tokenizer, references, device, features)
    return TrainingData(captions, make_question_set(tokenizer, images, split, num_questions), evidence)


def write_text_captions(path: Path, references: Sequence[tuple[str, ...]], vectors_ND: Tensor) -> None:
    """Write captions without images, with the mean vector (N, D) of the captions of each image.

    Vectors are rounded to 8 bits.
    """
    lines = "\n".join("\t".join(texts) for texts in references)
    largest_N1 = vectors_ND.abs().amax(1, keepdim=True)
    rounded = (vectors_ND / largest_N1 * VECTOR_SCALE).round().to(torch.int8)
    save_file({"vectors": rounded}, path, {"captions": lines})


def read_text_captions(path: Path, tokenizer: LanguageTokenizer, device: torch.device) -> CaptionSet:
    """Read what `write_text_captions` wrote, with unit vectors. Raises `InvalidInput`."""
    try:
        with safe_open(path, "pt") as file:
            lines = file.metadata()["captions"].split("\n")
        rounded = load_file(path)["vectors"]
    except (OSError, SafetensorError, KeyError) as error:
        raise InvalidInput(f"{path} has no captions with vectors: {error}.") from error
    vectors_ND = torch.nn.functional.normalize(rounded.to(device).float(), dim=1)
    return make_caption_set(tokenizer, [tuple(line.split("\t")) for line in lines], device, None, vectors_ND)
