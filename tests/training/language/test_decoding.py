"""Generation in batches gives what one sequence at a time gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mm.training.language.model import TrainedModel
from mm.training.language.sequences.batches import Media, Request
from mm.training.language.sequences.decoding import Generator
from mm.training.language.sequences.prompts import make_prompts
from tests.training.language.tiny_training import CPU, make_base, make_recipe

END = 3
REQUESTS = [Request((5, 6), (7, 8, 9)), Request((5, 6, 7, 8), (9,)), Request((11,), (12, 13))]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A model that gives different tokens at each place."""
    trained = TrainedModel(make_recipe(Path("data"), Path("out")), make_base(), CPU).eval()
    with torch.no_grad():
        trained.language.model.embed_tokens.weight.mul_(3)
        for experts in trained.experts:
            experts.down_proj.normal_(std=0.3)
    return trained


def draw_media() -> Media:
    generator = torch.Generator().manual_seed(0)
    return Media(torch.randn(3, 384, generator=generator), torch.randn(3, 25, 1280, generator=generator))


def embed_single(model: TrainedModel, media: Media, row: int) -> torch.Tensor:
    embed, request = model.language.embed_tokens, REQUESTS[row]
    prefix = model.prefix(media.maps_NPC[row : row + 1], media.vectors_ND[row : row + 1])[0]
    return torch.cat([embed(torch.tensor(request.before)), prefix, embed(torch.tensor(request.after))])[None]


@torch.no_grad()
def log_probabilities(model: TrainedModel, embeds: torch.Tensor, tokens: list[int]) -> torch.Tensor:
    """Of the token after the prompt and these tokens."""
    inputs = torch.cat([embeds, model.language.embed_tokens(torch.tensor([tokens], dtype=torch.long))], 1)
    return model.language.compute_logits(model.language(inputs).hidden_BLW[0, -1]).log_softmax(-1)


@torch.no_grad()
def test_generator_greedy_gives_the_tokens_of_single_sequences(model: TrainedModel) -> None:
    media = draw_media()
    generated = Generator(model).generate(make_prompts(model, REQUESTS, media, multiple=8), END, 6)
    for row in range(3):
        embeds, tokens = embed_single(model, media, row), list[int]()
        while len(tokens) < 6 and END not in tokens:
            tokens.append(int(log_probabilities(model, embeds, tokens).argmax()))
        assert generated[row, : len(tokens)].tolist() == tokens


@torch.no_grad()
def test_generator_beam_finds_a_sequence_at_least_as_probable_as_greedy(model: TrainedModel) -> None:
    media = draw_media()
    prompts = make_prompts(model, REQUESTS, media)
    generator = Generator(model)

    def score(row: int, tokens: list[int]) -> float:
        embeds = embed_single(model, media, row)
        return sum(float(log_probabilities(model, embeds, tokens[:index])[token]) for index, token in enumerate(tokens))

    greedy, beam = generator.generate(prompts, END, 5), generator.generate(prompts, END, 5, "beam", 4)
    scores = [(score(row, greedy[row].tolist()), score(row, beam[row].tolist())) for row in range(3)]
    assert all(of_beam >= of_greedy - 1e-3 for of_greedy, of_beam in scores)
    assert any(of_beam > of_greedy + 1e-3 for of_greedy, of_beam in scores)
    assert generator.generate(prompts, END, 5, "beam", 1).tolist() == greedy.tolist()


@torch.no_grad()
def test_generator_samples_with_the_probabilities_of_the_model(model: TrainedModel) -> None:
    media = draw_media()
    torch.manual_seed(0)
    prompts = make_prompts(model, REQUESTS[:1], Media(media.vectors_ND[:1], media.maps_NPC[:1]))
    first = Generator(model).generate(prompts, END, 1, "sample", 2000)[:, 0]
    expected = log_probabilities(model, embed_single(model, media, 0), []).exp()
    top = expected.topk(3).indices
    shares = torch.stack([(first == token).float().mean() for token in top])
    torch.testing.assert_close(shares, expected[top], rtol=0, atol=0.05)


def test_generator_decodes_with_a_copy_of_the_rounded_experts_in_the_same_memory(model: TrainedModel) -> None:
    generator, prompts, experts = Generator(model), make_prompts(model, REQUESTS[:1], None), model.experts[0]
    model.train()
    model.set_quantized(True)
    addresses = []
    for _ in range(2):
        with torch.no_grad():
            experts.down_proj.normal_(std=0.3)
        generator.generate(prompts, END, 2)
        assert model.training
        expected = experts.matrices()
        experts.use_copy(torch.float32)
        copied = experts.matrices()
        assert all(torch.equal(copy, matrix) for copy, matrix in zip(copied, expected, strict=True))
        addresses.append([copy.data_ptr() for copy in copied])
        experts.use_weights()
    assert addresses[0] == addresses[1]
    assert not torch.equal(experts.matrices()[1], experts.down_proj)
    model.set_quantized(False)
    assert experts.matrices()[1] is experts.down_proj
    model.eval()
