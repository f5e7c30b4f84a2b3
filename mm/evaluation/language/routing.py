"""Use of experts on a fixed held-out mix of captions, questions about images, and answers.

The network is the NumPy reference with the weights of the trained file, so that the numbers do not
depend on a runner. A token is of the kind `image`, `prompt`, `caption` or `answer`; each document,
an image or a question with its evidence, is a group of the bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.answers.answer_text import format_answer
from mm.answers.prompt import build_prompt
from mm.data.captioned_images import read_captioned_images, read_image
from mm.data.language.captions import find_source, make_sentences
from mm.data.language.evidence.evidence_set import draw_evidence_set
from mm.data.language.image_questions import draw_image_questions
from mm.data.language.sources import SourcePool
from mm.errors import InvalidInput
from mm.metrics.language import ExpertUse, expert_use_report
from mm.metrics.report import Report
from mm.models.language.caption_prompt import caption_messages, image_messages
from mm.models.language.chat_template import encode_chat
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward

if TYPE_CHECKING:
    from mm.models.image.map_tower import ImageMapTower
    from mm.models.language.checkpoint.additions import Additions
    from mm.models.language.tokenizer import LanguageTokenizer
    from mm.models.language.weights import Weights
    from mm.numerics import Float32

Progress = Callable[[str], None]
"""Called with a line of text."""

Kinds = np.ndarray[tuple[int, ...], np.dtype[np.str_]]
"""The kind of each token: `image`, `prompt`, `caption` or `answer`."""

SEED = 0
QUESTIONS, EVIDENCE = 0.5, 0.25
"""Questions about images and answers, for each captioned image."""
PROGRESS_DOCUMENTS = 50


@dataclass(frozen=True, slots=True)
class Document:
    """A prompt with the expected text: token ids before and after the image, and of the text."""

    name: str
    task: str
    """`caption` or `answer`: the kind of the tokens of the text."""
    before: Sequence[int]
    image: Path | None
    after: Sequence[int]
    text: Sequence[int]
    group: str
    """`caption`, the kind of the question about the image, or `evidence`."""


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What the network computed for the T tokens of a document."""

    kinds_T: Kinds
    experts_TLK: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    loss: float
    """Mean negative log probability of a token of the text, in nats."""


class RoutingModel:
    """The trained model, the image tower and the tokenizer."""

    def __init__(self, additions: Additions, base: Weights, tower: ImageMapTower, tokenizer: LanguageTokenizer) -> None:
        """`base` are the weights that the additions are merged with. Raises `Corrupt`."""
        self.config, self.tokenizer = additions.config, tokenizer
        self.weights = additions.merge(base)
        self._tower, self._prefix = tower, additions.prefix

    def route(self, document: Document) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
        """Selected experts (tokens, layers, experts) by the kind of token."""
        routed = self.run(document)
        return {str(kind): routed.experts_TLK[routed.kinds_T == kind] for kind in np.unique(routed.kinds_T)}

    def run(self, document: Document, expert_bias_MA: Float32 | None = None) -> Routed:
        """Run the network over a document, with a bias of the experts."""
        embeddings, kinds = self.embed(document)
        cache = KVCache.allocate(self.config, len(embeddings))
        output = forward(self.config, self.weights, embeddings, cache, expert_bias_MA)
        experts_TLK = np.stack([routing.indices_TK for routing in output.routings], axis=1)
        hidden = output.hidden_LW[-len(document.text) - 1 : -1]  # each predicts the token after it
        logits = compute_logits(self.weights, hidden).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(document.text)), list(document.text)]
        return Routed(kinds, experts_TLK, float(losses.mean()))

    def embed(self, document: Document) -> tuple[Float32, Kinds]:
        """Embeddings (T, hidden size) of a document and the kind of each token."""
        parts: list[tuple[str, Float32]] = [("prompt", self._embed(document.before))]
        if document.image is not None:
            (features,) = self._tower.encode([read_image(document.image)])
            parts.append(("image", self._prefix.embed_image(features.map_HWC, features.vector_D)))
        parts += [("prompt", self._embed(document.after)), (document.task, self._embed(document.text))]
        kinds = np.repeat([kind for kind, _ in parts], [len(rows) for _, rows in parts])
        return np.concatenate([rows for _, rows in parts]), kinds

    def _embed(self, token_ids: Sequence[int]) -> Float32:
        return embed_tokens(self.config, self.weights, token_ids)


def evaluate_routing(model: RoutingModel, data: Path, split: str, num_images: int, on_progress: Progress) -> Report:
    """Count the experts of the mix. Raises `InvalidInput` for a model without experts."""
    config = model.config
    if not config.num_moe_layers:
        raise InvalidInput("The model has no routed experts.")
    use = ExpertUse(config.num_moe_layers, config.num_experts, config.num_experts_per_tok)
    documents = list(draw_documents(model.tokenizer, data, split, num_images))
    for number, document in enumerate(documents, start=1):
        for kind, experts_TLK in model.route(document).items():
            use.add(document.name, kind, experts_TLK)
        if number % PROGRESS_DOCUMENTS == 0:
            on_progress(f"{number:,} of {len(documents):,} documents")
    return expert_use_report(f"{len(documents):,} documents of {split}", use)


def draw_documents(tokenizer: LanguageTokenizer, data: Path, split: str, num_images: int) -> Iterator[Document]:
    """The mix, the same at each call: `num_images` images and the questions that go with them."""
    rows = read_captioned_images(data, split)
    before, after = encode_chat(tokenizer, caption_messages())
    for row in rows[:num_images]:
        text = tokenizer.encode(make_sentences(row.captions)[0])
        yield Document(row.path.name, "caption", before, row.path, after, [*text, tokenizer.eos_id], "caption")
    pool, path_of = SourcePool(rows), {find_source(row.path): row.path for row in rows}
    for question in draw_image_questions(pool, split, round(QUESTIONS * num_images), SEED):
        before, after = encode_chat(tokenizer, image_messages(question.question))
        text = [*tokenizer.encode(question.sentence), tokenizer.eos_id]
        yield Document(path_of[question.source].name, "answer", before, path_of[question.source], after, text, question.kind)
    for number, example in enumerate(draw_evidence_set(pool, split, round(EVIDENCE * num_images), SEED)):
        prompt = build_prompt(
            example.moments, example.question, example.conversation, count_tokens=lambda text: len(tokenizer.encode(text))
        )
        (before,) = encode_chat(tokenizer, prompt.messages)
        text = [*tokenizer.encode(format_answer(example.answer, prompt.numbers)), tokenizer.eos_id]
        yield Document(f"evidence {number}", "answer", before, None, (), text, "evidence")
