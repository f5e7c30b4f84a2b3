"""Captions of images by a language model with a media prefix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mm.generation.caption_ranking import CaptionRanking, GeneratedCaption
from mm.generation.request import MediaSpan, Request, SamplingParams
from mm.models.language.caption_prompt import caption_messages
from mm.models.language.chat_template import encode_chat

if TYPE_CHECKING:
    from mm.generation.beam.hypotheses import BeamCandidate
    from mm.generation.beam.search import BeamSearch
    from mm.models.language.tokenizer import LanguageTokenizer
    from mm.numerics import Float32

MAX_TOKENS = 32
"""Of a caption; the captions of the training data have 13 on average."""
BEAM_WIDTH = 5
MAX_CHARACTERS = 400


class ImageLike(Protocol):
    """An image as the image tower describes it, such as `ImageFeatures`."""

    @property
    def map_HWC(self) -> Float32: ...  # noqa: N802 (the axes of the array)
    @property
    def vector_D(self) -> Float32: ...  # noqa: N802


class ImageEmbedder(Protocol):
    """Prefix embeddings of an image; `mm.models.language.media_prefix.MediaPrefix`."""

    def embed_image(self, map_HWC: Float32, vector_D: Float32) -> Float32:
        """Embeddings (tokens, hidden size)."""
        ...


class ImageCaptioner(Protocol):
    """Writes one sentence for each image. Belongs to one thread."""

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        """The number of an image and its caption, as they end."""
        ...


class Captioner:
    """An `ImageCaptioner` over beam search."""

    def __init__(
        self,
        search: BeamSearch,
        tokenizer: LanguageTokenizer,
        embedder: ImageEmbedder,
        max_tokens: int = MAX_TOKENS,
        ranking: CaptionRanking | None = None,
    ) -> None:
        """`search` runs the network of the tokenizer; nothing else may use it.

        Without `ranking`, the caption is the most probable of the last candidates of the search.
        """
        self._search = search
        self._ranking = ranking
        self._tokenizer = tokenizer
        self._embedder = embedder
        self._params = SamplingParams(max_tokens=max_tokens)
        self._before, self._after = encode_chat(tokenizer, caption_messages())

    def caption(self, images: Iterable[ImageLike]) -> Iterator[tuple[int, GeneratedCaption]]:
        """The number of an image and its caption, as they end.

        Images are read as there is room for them, so that memory does not depend on their number.
        Raises `TooLarge` and `Corrupt` as `BeamSearch.generate`, and what reading an image raises.
        """
        vectors: dict[int, Float32] = {}

        def build_requests() -> Iterator[Request]:
            for number, image in enumerate(images):
                vectors[number] = image.vector_D
                yield self._build_request(number, image)

        for output in self._search.generate(build_requests()):
            number = int(output.request_id)
            yield number, self._select(output.candidates, vectors.pop(number))

    def _select(self, candidates: Sequence[BeamCandidate], image_D: Float32) -> GeneratedCaption:
        captions = [
            GeneratedCaption(clean_caption(self._tokenizer.decode(candidate.token_ids)), candidate.mean_logprob)
            for candidate in candidates
        ]
        return captions[0] if self._ranking is None else self._ranking.select(captions, image_D)

    def _build_request(self, number: int, image: ImageLike) -> Request:
        embeddings = np.asarray(self._embedder.embed_image(image.map_HWC, image.vector_D), np.float32)
        placeholders = [self._tokenizer.eos_id] * len(embeddings)
        media = (MediaSpan(len(self._before), embeddings),)
        return Request(str(number), (*self._before, *placeholders, *self._after), self._params, media)


def clean_caption(text: str) -> str:
    """One line of at most `MAX_CHARACTERS`."""
    return " ".join(text.split())[:MAX_CHARACTERS]
