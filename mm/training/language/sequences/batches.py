"""Batches of token sequences, with the media that stand in them and the tokens to predict.

Names of tensors end in their axes: B sequences, L tokens, T all tokens of a batch, W hidden size, N
images, P places, C channels, D dimensions of the space, J captions of an image, U tokens of one, S
predicted tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mm.models.language.moe_torch import Routing
from mm.models.language.network_torch import Placement
from mm.training.language.experts.balance import TokenKind
from mm.training.language.model import TrainedModel

MAX_CAPTION_TOKENS = 26
"""Of a training caption, the end included; the rest is left out."""
_LENGTH_STEP = 32
"""Padded lengths are multiples of it, so that the memory of batches can be reused."""


@dataclass(frozen=True, slots=True, eq=False)
class Media:
    """Images of a batch: pooled maps (N, P, C) and vectors (N, D); without maps, only vectors."""

    vectors_ND: Tensor
    maps_NPC: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TokenBatch:
    """Sequences to train on. Places of media have any token id; padding is at the end."""

    ids_BL: Tensor
    kinds_BL: Tensor
    """`TokenKind` of each place."""
    sources_S: Tensor
    """Places, counted through the batch, whose output predicts a token."""
    targets_S: Tensor
    """The tokens to predict."""
    media: Media | None = None
    media_start: int = 0
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """The token ids of a prompt before and after its media; without media, all are before."""

    before: tuple[int, ...]
    after: tuple[int, ...] = ()


def embed_batch(model: TrainedModel, ids_BL: Tensor, media: Media | None, start: int) -> Tensor:
    """Embeddings (B, L, W) of sequences, with the media from place `start`."""
    embeds_BLW = model.language.embed_tokens(ids_BL).float()
    if media is None:
        return embeds_BLW
    rows = embed_media(model, media)
    return torch.cat([embeds_BLW[:, :start], rows, embeds_BLW[:, start + rows.shape[1] :]], 1)


def embed_media(model: TrainedModel, media: Media) -> Tensor:
    """Prefix embeddings (N, places, W) of images."""
    if media.maps_NPC is None:
        return model.prefix.embed_vectors(media.vectors_ND).float()
    embeds: Tensor = model.prefix(media.maps_NPC, media.vectors_ND)
    return embeds.float()


def count_media_tokens(model: TrainedModel, media: Media) -> int:
    """Places that one of the media takes."""
    sizes = model.prefix.config
    return sizes.num_vector_tokens if media.maps_NPC is None else sizes.num_image_tokens


def compute_losses(model: TrainedModel, batch: TokenBatch) -> tuple[Tensor, list[Routing]]:
    """Cross-entropy (S,) of each predicted token in nats, and the routings of all tokens."""
    with model.autocast():
        embeds_BLW = embed_batch(model, batch.ids_BL, batch.media, batch.media_start)
        output = model.language(embeds_BLW, placement=batch.placement)
    logits_SV = model.language.compute_logits(output.hidden_BLW.flatten(0, 1)[batch.sources_S])  # in float32
    return functional.cross_entropy(logits_SV, batch.targets_S, reduction="none"), output.routings


class CaptionLayout:
    """Several captions after one prompt, each of which attends to the prompt and to itself.

    An image is read once for all of its captions.
    """

    def __init__(self, request: Request, num_media_tokens: int, num_captions: int, length: int, device: torch.device) -> None:
        """`length` is that of the longest caption, its end included."""
        self.media_start, self.num_captions, self.length = len(request.before), num_captions, length
        media = [0] * num_media_tokens
        self._prompt_P = torch.tensor([*request.before, *media, *request.after], device=device)
        num_prompt = self.num_prompt = len(self._prompt_P)
        kinds = [TokenKind.PROMPT] * num_prompt
        kinds[self.media_start : self.media_start + num_media_tokens] = [TokenKind.MEDIA] * num_media_tokens
        self._prompt_kinds_P = torch.tensor(kinds, device=device)
        branch_L = torch.arange(num_captions, device=device).repeat_interleave(length)
        places_L = torch.cat(
            [torch.arange(num_prompt, device=device), num_prompt + torch.arange(num_captions * length, device=device)]
        )
        of_L = torch.cat([torch.full((num_prompt,), -1, device=device), branch_L])
        mask_LL = (places_L <= places_L[:, None]) & ((of_L < 0) | (of_L == of_L[:, None]))
        steps_U = num_prompt + torch.arange(length, device=device)
        positions_L = torch.cat([torch.arange(num_prompt, device=device), steps_U.repeat(num_captions)])
        self._placement = Placement(positions_L[None], mask_LL[None])

    def make_batch(self, media: Media, captions_NJU: Tensor, lengths_NJ: Tensor) -> TokenBatch:
        """Captions of images as token ids, padded to the layout's length, with their lengths."""
        num_images = len(captions_NJU)
        ids = torch.cat([self._prompt_P.expand(num_images, -1), captions_NJU.flatten(1)], 1)
        steps_U = torch.arange(self.length, device=ids.device)
        # The last token of a caption is predicted, and predicts nothing.
        kinds = torch.where(steps_U < lengths_NJ[:, :, None] - 1, TokenKind.TEXT, TokenKind.PADDING).flatten(1)
        kinds_BL = torch.cat([self._prompt_kinds_P.expand(num_images, -1), kinds], 1)
        first_N = torch.arange(num_images, device=ids.device) * ids.shape[1]
        of_caption_J = self.num_prompt + torch.arange(self.num_captions, device=ids.device) * self.length
        sources_NJU = first_N[:, None, None] + of_caption_J[:, None] + (steps_U - 1)
        sources_NJU[:, :, 0] = (first_N + self.num_prompt - 1)[:, None]
        is_target = steps_U < lengths_NJ[:, :, None]
        return TokenBatch(
            ids, kinds_BL, sources_NJU[is_target], captions_NJU[is_target], media, self.media_start, self._placement
        )


@dataclass(frozen=True, slots=True)
class TextExample:
    """A prompt with an answer to learn."""

    request: Request
    answer: tuple[int, ...]
    """Token ids, with the end of the turn."""


def make_text_batch(
    examples: Sequence[TextExample], media: Media | None, num_media_tokens: int, device: torch.device
) -> TokenBatch:
    """Pad prompts with answers at their end; all have as many tokens before their medium."""
    media_start = len(examples[0].request.before) if media is not None else 0
    rows, kinds, sources, targets = [], [], list[int](), list[int]()
    prompts = [[*e.request.before, *[0] * num_media_tokens, *e.request.after] for e in examples]
    length = max(len(prompt) + len(e.answer) - 1 for prompt, e in zip(prompts, examples, strict=True))
    length = -(-length // _LENGTH_STEP) * _LENGTH_STEP
    for row, (prompt, example) in enumerate(zip(prompts, examples, strict=True)):
        answer = example.answer
        padding = length - len(prompt) - len(answer) + 1
        rows.append([*prompt, *answer[:-1], *[0] * padding])
        of_prompt = [TokenKind.PROMPT] * len(prompt)
        of_prompt[media_start : media_start + num_media_tokens] = [TokenKind.MEDIA] * num_media_tokens
        kinds.append([*of_prompt, *[TokenKind.TEXT] * (len(answer) - 1), *[TokenKind.PADDING] * padding])
        start = row * length + len(prompt) - 1
        sources += range(start, start + len(answer))
        targets += answer
    as_tensor = [torch.tensor(values) for values in (rows, kinds, sources, targets)]
    ids_BL, kinds_BL, sources_S, targets_S = (tensor.to(device, non_blocking=True) for tensor in as_tensor)
    return TokenBatch(ids_BL, kinds_BL, sources_S, targets_S, media, media_start)
