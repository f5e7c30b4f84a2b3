"""All that the stages train on, as tensors on the training device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mm.data.captioned_images import CaptionedImage, read_captioned_images
from mm.data.language.captions import find_source, make_sentences
from mm.data.language.image_questions import ImageQuestion, draw_image_questions
from mm.data.language.sources import SourcePool
from mm.errors import InvalidInput
from mm.files import read_json_lines
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.batches import Media, TextExample
from mm.training.language.examples import draw_evidence, encode_captions, encode_image_question
from mm.training.language.image_features import ImageFeatures

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


def make_caption_set(
    tokenizer: LanguageTokenizer, references: Sequence[tuple[str, ...]], device: torch.device,
    features: ImageFeatures | None = None, vectors_ND: Tensor | None = None,
) -> CaptionSet:
    """Encode the captions of images."""
    tokens = encode_captions(tokenizer, references)
    ids, lengths = torch.from_numpy(tokens.ids_NJU).to(device), torch.from_numpy(tokens.lengths_NJ).to(device)
    return CaptionSet(list(references), ids, lengths, features, vectors_ND)


def make_question_set(tokenizer: LanguageTokenizer, images: Sequence[CaptionedImage], split: str, count: int, seed: int) -> QuestionSet:
    """Draw up to `count` questions of each kind. Raises `InvalidInput` for too few images."""
    row_of = {find_source(image.path): row for row, image in enumerate(images)}
    by_kind: dict[str, list[tuple[int, TextExample]]] = defaultdict(list)
    questions: dict[str, list[ImageQuestion]] = defaultdict(list)
    for question in draw_image_questions(SourcePool(images), split, count, seed):
        by_kind[question.kind].append((row_of[question.source], encode_image_question(tokenizer, question)))
        questions[question.kind].append(question)
    return QuestionSet(dict(by_kind), dict(questions))


def read_data(
    folder: Path, split: str, tokenizer: LanguageTokenizer, features: ImageFeatures, num_evidence: int, num_questions: int,
    seed: int, device: torch.device, num_processes: int,
) -> TrainingData:
    """Read a split whose images have these features. Raises `InvalidInput` as the data does."""
    images = read_captioned_images(folder, split)
    references = [make_sentences(image.captions) for image in images]
    captions = make_caption_set(tokenizer, references, device, features)
    questions = make_question_set(tokenizer, images, split, num_questions, seed)
    evidence = draw_evidence(tokenizer, folder, split, num_evidence, seed, num_processes) if num_evidence else []
    return TrainingData(captions, questions, evidence)


def write_text_captions(path: Path, references: Sequence[tuple[str, ...]], vectors_ND: Tensor) -> None:
    """Write captions without images: lines beside `path`, and the mean vector of each line's captions.

    Vectors are rounded to 8 bits.
    """
    lines = "\n".join("\t".join(texts) for texts in references)
    largest_N1 = vectors_ND.abs().amax(1, keepdim=True)
    rounded = (vectors_ND / largest_N1 * VECTOR_SCALE).round().to(torch.int8)
    save_file({"vectors": rounded}, path, {"captions": lines})


def read_text_captions(path: Path, tokenizer: LanguageTokenizer, device: torch.device) -> CaptionSet:
    """Read what `write_text_captions` wrote, with unit vectors. Raises `InvalidInput`."""
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            lines = file.metadata()["captions"].split("\n")
        rounded = load_file(path)["vectors"]
    except (OSError, SafetensorError, KeyError) as error:
        raise InvalidInput(f"{path} has no captions with vectors: {error}.") from error
    vectors_ND = torch.nn.functional.normalize(rounded.to(device).float(), dim=1)
    return make_caption_set(tokenizer, [tuple(line.split("\t")) for line in lines], device, None, vectors_ND)
