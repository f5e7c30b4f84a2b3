"""Requests as embeddings, padded at their start, to generate from."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mm.training.language.model import TrainedModel
from mm.training.language.sequences.batches import Media, Request, count_media_tokens, embed_media
from mm.training.language.sequences.decoding import Prompts


@torch.no_grad()
def make_prompts(model: TrainedModel, requests: Sequence[Request], media: Media | None = None, multiple: int = 1) -> Prompts:
    """Embed requests, each with its medium, without noise; lengths are padded to a multiple."""
    num_media = 0 if media is None else count_media_tokens(model, media)
    rows = [[*request.before, *[0] * num_media, *request.after] for request in requests]
    length = -(-max(map(len, rows)) // multiple) * multiple
    device = model.device
    ids_BL = torch.tensor([[*[0] * (length - len(row)), *row] for row in rows]).to(device)
    starts_B = torch.tensor([length - len(row) for row in rows]).to(device)
    is_token_BL = torch.arange(length, device=device) >= starts_B[:, None]
    was_training = model.training
    model.eval()
    with model.autocast():
        embeds_BLW = model.language.embed_tokens(ids_BL).float()
        if media is not None:
            first_B = starts_B + torch.tensor([len(request.before) for request in requests]).to(device)
            places_BP = first_B[:, None] + torch.arange(num_media, device=device)
            embeds_BLW[torch.arange(len(rows), device=device)[:, None], places_BP] = embed_media(model, media)
    model.train(was_training)
    return Prompts(embeds_BLW, is_token_BL)
