"""Batches of captions and answers give the losses of single sequences."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from mm.training.language.experts.balance import TokenKind
from mm.training.language.model import TrainedModel
from mm.training.language.sequences.batches import CaptionLayout, Media, Request, TextExample, compute_losses, make_text_batch
from tests.training.language.tiny_training import CPU, make_base, make_recipe

REQUEST = Request((5, 6, 7), (8, 9))


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A model whose experts matter."""
    trained = TrainedModel(make_recipe(Path("data"), Path("out")), make_base(), CPU).eval()
    with torch.no_grad():
        for experts in trained.experts:
            experts.down_proj.normal_(std=0.1)
    return trained


def draw_media(count: int) -> Media:
    generator = torch.Generator().manual_seed(0)
    return Media(torch.randn(count, 384, generator=generator), torch.randn(count, 25, 1280, generator=generator))


def compute_single(model: TrainedModel, media: Media, row: int, request: Request, answer: list[int]) -> torch.Tensor:
    """The losses of one sequence without padding or masks."""
    embed = model.language.embed_tokens
    prefix = model.prefix(media.maps_NPC[row : row + 1], media.vectors_ND[row : row + 1])[0]
    parts = [embed(torch.tensor(request.before)), prefix, embed(torch.tensor([*request.after, *answer[:-1]]))]
    logits = model.language.compute_logits(model.language(torch.cat(parts)[None]).hidden_BLW[0])
    return functional.cross_entropy(logits[-len(answer) :], torch.tensor(answer), reduction="none")


def test_caption_layout_gives_the_losses_of_single_captions(model: TrainedModel) -> None:
    media = draw_media(2)
    lengths = torch.tensor([[4, 2, 1], [3, 4, 4]])
    captions = torch.randint(10, 90, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    layout = CaptionLayout(REQUEST, 28, 3, 4, CPU)
    batch = layout.make_batch(media, captions, lengths)
    with torch.no_grad():
        losses, _ = compute_losses(model, batch)
        single = [
            compute_single(model, media, image, REQUEST, captions[image, number, : lengths[image, number]].tolist())
            for image in range(2)
            for number in range(3)
        ]
    torch.testing.assert_close(losses, torch.cat(single), rtol=1e-4, atol=1e-5)
    assert int((batch.kinds_BL == TokenKind.MEDIA).sum()) == 2 * 28
    assert int((batch.kinds_BL == TokenKind.TEXT).sum()) == int((lengths - 1).sum())


def test_text_batch_gives_the_losses_of_single_answers(model: TrainedModel) -> None:
    media = draw_media(2)
    examples = [
        TextExample(Request((5, 6, 7), (8, 9, 10, 11)), (20, 21, 22)),
        TextExample(Request((5, 6, 7), (12,)), (30, 31)),
    ]
    batch = make_text_batch(examples, media, 28, CPU)
    with torch.no_grad():
        losses, _ = compute_losses(model, batch)
        single = [compute_single(model, media, row, e.request, list(e.answer)) for row, e in enumerate(examples)]
    torch.testing.assert_close(losses, torch.cat(single), rtol=1e-4, atol=1e-5)
    assert int((batch.kinds_BL == TokenKind.TEXT).sum()) == 3


def test_text_batch_without_media_predicts_only_the_answer(model: TrainedModel) -> None:
    batch = make_text_batch([TextExample(Request((5, 6)), (7, 8, 9)), TextExample(Request((5,)), (7,))], None, 0, CPU)
    assert batch.ids_BL.shape == (2, 32)
    assert batch.targets_S.tolist() == [7, 8, 9, 7]
    assert batch.sources_S.tolist() == [1, 2, 3, 32]
