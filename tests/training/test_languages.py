"""Training of the tower for other languages: weights and card, kills, evaluation."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file

from mm.cli.commands.eval import command as evaluation
from mm.cli.commands.train import command
from mm.data.translations import add_translations, build_dictionary, build_training_pairs, read_flickr_ids
from mm.errors import InvalidInput
from mm.models.text.e5.file import E5File, find_e5_file
from mm.models.text.multilingual import MultilingualTower, read_router
from mm.models.text.weights_file import dequantize
from mm.training.languages.prepare import PAIRS, READER, VECTORS, prepare, read_images, read_pairs
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.run import Distillation, TokenizedTexts, TokenLists, compare_rankings
from mm.training.languages.train import CARD, train_languages
from mm.training.languages.words import build_word_lists

pytestmark = pytest.mark.xdist_group("languages")
ANIMALS = {"dog": ("Hund", "chien", "pes"), "cat": ("Katze", "chat", "kočka"), "bird": ("Vogel", "oiseau", "pták")}
PLACES = {"on a hill": ("auf einem Hügel", "sur une colline", "na kopci"), "in snow": ("im Schnee", "dans la neige", "ve sněhu")}


SIZES = {"rank": 2, "captions": 3, "words": 5}


def sentences() -> list[dict[str, str]]:
    """Each animal in each place, in English and three translations."""
    rows = []
    for animal, (de, fr, cs) in ANIMALS.items():
        for place, (wo, ou, kde) in PLACES.items():
            row = {"en": f"A {animal} {place}.", "de": f"Ein {de} {wo}.", "fr": f"Un {fr} {ou}.", "cs": f"{cs} {kde}."}
            rows.append({"image": f"{len(rows)}.jpg", **row})
    return rows


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of Multi30k, Tux Paint and Flickr8k; `left.txt` lists one image."""
    folder, rows = tmp_path_factory.mktemp("texts"), sentences()
    write(folder / "task1_train.jsonl", rows)
    write(folder / "task1_val.jsonl", rows[:3])
    write(folder / "task2_train.jsonl", [{"image": row["image"], "en": [row["en"]] * 2, "de": [row["de"]] * 2} for row in rows])
    named = [{"en": f"A {name}.", "de": f"Ein {de}.", "pl": f"{name}ski."} for name, (de, _, _) in ANIMALS.items()]
    write(folder / "manifest.jsonl", [{"split": split, "text": text} for text in named for split in ("train", "dev")])
    (folder / "left.txt").write_text("5_a1b2.jpg\n")
    (folder / "images").mkdir()
    write(folder / "captions.jsonl", [{"image": f"{n}_a.png", "captions": [rows[n]["en"]], "split": "dev"} for n in range(3)])
    for number in range(3):
        Image.new("RGB", (48, 48), (80 * number, 9, 200)).save(folder / "images" / f"{number}_a.png")
    return folder


def write(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def config_for(texts: Path, out: Path) -> LanguagesConfig:
    left_out = (texts / "left.txt",)
    return LanguagesConfig(texts, out, tuxpaint=texts, left_out=left_out, **SIZES, epochs=2, batch=64)


@pytest.fixture(scope="module")
def finished(texts: Path, tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> LanguagesConfig:
    """One finished run by the command."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = config_for(texts, tmp_path_factory.mktemp("languages"))
    (config.out / "graphs").symlink_to(graphs)
    recipe = ["--epochs", "2", "--batch", "64", "--left-out", str(texts / "left.txt")]
    recipe += [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    places = ["--data", str(texts), "--tuxpaint", str(texts), "--out", str(config.out)]
    result = CliRunner().invoke(command, ["languages", *places, *recipe, "--json"])
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"weights": str(config.out / "languages.safetensors")}
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["epoch 1 of 2", "epoch 2 of 2"]
    return config


def test_languages_card_has_the_tables_of_eval_languages(finished: LanguagesConfig) -> None:
    card = (finished.out / CARD).read_text()
    folders = ["--root", str(finished.data), "--tuxpaint", str(finished.data), "--pictures", str(finished.data)]
    arguments = ["languages", *folders, "--weights", str(finished.out / "languages.safetensors")]
    result = CliRunner().invoke(evaluation, arguments)
    assert result.exit_code == 0, result.output
    in_card, pictures = result.output.split("\n\nFlickr8k")
    assert in_card in card
    for table in pictures.split("The floor over those images"):
        queries = [line.split(" | ")[:2] for line in table.splitlines() if line.startswith("|")]
        assert queries[2:] == [[f"| {name}", "6"] for name in ("en", "de", "fr", "cs")]
    assert "- epochs: 2" in card
    assert str(finished.out) not in card  # a card is for others


def test_multilingual_tower_equals_the_trained_network(finished: LanguagesConfig) -> None:
    """The graph and the map equal the torch network with the same 8-bit weights."""
    path, text = finished.out / "languages.safetensors", "Ein Hund auf einem Hügel."
    ours = MultilingualTower(path, finished.out / "graphs", threads=1).embed([text])[0]
    run = Distillation(finished, E5File(find_e5_file()), *read_pairs(finished), torch.device("cpu"))
    run.restore(torch.load(finished.out / "languages.pt", weights_only=True))
    tokens = TokenizedTexts(TokenLists.join(run._tokenizer.encode([text])), run._words, run.device).pad(np.array([0]))
    run.network.eval()
    with torch.inference_mode():
        assert ours @ run.network(*tokens)[0].numpy() > 0.99  # in 8 bits
        served = dequantize(load_file(path))
        for name, tensor in run.network.trained().items():
            tensor.copy_(torch.from_numpy(served[name]))
        assert ours == pytest.approx(run.network(*tokens)[0].numpy(), abs=1e-5)


def test_trained_router_detects_the_languages_of_the_data(finished: LanguagesConfig) -> None:
    router = read_router(finished.out / "languages.safetensors")
    assert router.is_non_english("Hund")
    assert router.is_non_english("pes")
    assert not router.is_non_english("A dog on a hill.")


def test_train_languages_resumed_after_a_kill_gives_the_same_weights(
    finished: LanguagesConfig, texts: Path, tmp_path: Path, graphs: Path
) -> None:
    (tmp_path / "graphs").symlink_to(graphs)
    for name in (PAIRS, READER, VECTORS):
        shutil.copy(finished.out / name, tmp_path)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", PROGRAM, str(texts), str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "languages.safetensors").exists()
    epochs: list[int] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train_languages(config_for(texts, tmp_path), lambda done, _total, _line: epochs.append(done))
    torch.set_num_threads(threads)
    assert epochs == [2]  # the first epoch was not done again
    ours, theirs = (load_file(folder / "languages.safetensors") for folder in (tmp_path, finished.out))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        np.testing.assert_array_equal(tensor, theirs[name], err_msg=name)


def test_train_languages_with_the_state_of_another_recipe_raises_invalid_input(finished: LanguagesConfig) -> None:
    with pytest.raises(InvalidInput, match=r"languages\.pt belongs to another recipe"):
        train_languages(replace(finished, rate=0.5, tuxpaint=finished.data), lambda *_: None)


def test_train_languages_with_missing_data_raises_before_training(texts: Path, tmp_path: Path) -> None:
    shutil.copy(texts / "task1_train.jsonl", tmp_path)
    with pytest.raises(InvalidInput, match=r"task1_val\.jsonl"):
        train_languages(LanguagesConfig(tmp_path, tmp_path / "out"), lambda *_: None)
    with pytest.raises(InvalidInput, match=r"none\.txt"):
        read_flickr_ids([tmp_path / "none.txt"])


@pytest.mark.parametrize("change", [{"epochs": 0}, {"batch": 0}, {"hidden": 0}, {"rank": -1}])
def test_languages_config_with_a_value_below_one_raises_invalid_input(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        LanguagesConfig(tmp_path, tmp_path, **change)  # type: ignore[arg-type]


def test_build_dictionary_pairs_words_that_occur_together() -> None:
    rows = sentences() * 3
    dictionary = dict(build_dictionary([(row["cs"], row["en"]) for row in rows]))
    assert dictionary["pes"] == "dog"
    assert dictionary["pták"] == "bird"


def test_build_training_pairs_includes_english_and_stores_each_english_text_once() -> None:
    pairs = build_training_pairs(sentences(), [{"en": "A dog.", "pl": "Pies."}], ["pl"])
    assert len(pairs.english) == len(set(pairs.english))
    assert ("pl", "Pies.", pairs.english.index("A dog.")) in pairs.pairs
    assert all(pairs.english[row] == text for language, text, row in pairs.pairs if language == "en")


@pytest.fixture
def translations(tmp_path: Path) -> Path:
    """A folder with two languages of three sentences."""
    folder = tmp_path / "translations"
    folder.mkdir()
    (folder / "train.es").write_text("uno\ndos \ntres\n", encoding="utf-8")
    (folder / "train.ar").write_text("a\n\nc", encoding="utf-8")
    (folder / "val.es").write_text("cuatro\n", encoding="utf-8")
    return folder


def test_add_translations_adds_the_line_of_each_row(translations: Path) -> None:
    rows = sentences()[:3]
    assert add_translations(rows, translations, "train") == ["ar", "es"]
    assert [(row["ar"], row["es"]) for row in rows] == [("a", "uno"), ("", "dos"), ("c", "tres")]
    pairs = build_training_pairs(rows, [], [], more=["ar", "es"])
    assert [(language, text) for language, text, row in pairs.pairs if language in ("ar", "es")] == [
        ("ar", "a"),
        ("es", "uno"),
        ("es", "dos"),
        ("ar", "c"),
        ("es", "tres"),
    ]


def test_add_translations_that_do_not_fit_raises_invalid_input(translations: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"train\.ar has 3 lines; Multi30k's train has 6 sentences"):
        add_translations(sentences(), translations, "train")
    with pytest.raises(InvalidInput, match=r"no file test\.LANG"):
        add_translations(sentences(), translations, "test")
    (translations / "val.es").write_bytes(b"\xff\n")
    with pytest.raises(InvalidInput, match=r"val\.es cannot be read"):
        add_translations(sentences()[:1], translations, "val")


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_token_lists_take_gives_the_tokens_of_those_texts(tokens: list[list[int]], data: st.DataObject) -> None:
    lists, texts = TokenLists.join(tokens), data.draw(st.lists(st.integers(0, len(tokens) - 1), max_size=8))
    taken = lists.take(np.array(texts, np.int64)) + lists
    expected = TokenLists.join([*(tokens[text] for text in texts), *tokens])
    np.testing.assert_array_equal(taken.flat, expected.flat)
    np.testing.assert_array_equal(taken.lengths, expected.lengths)


def test_tokenized_texts_pads_each_text_with_the_embeddings_of_its_tokens() -> None:
    file = E5File(find_e5_file())
    words = file.matrix("emb.word", file.width)
    lists = [[5, 6, 7], [8], [9, 10]]
    padded, mask = TokenizedTexts(TokenLists.join(lists), words, torch.device("cpu")).pad(np.array([2, 0]))
    assert mask.sum(1).tolist() == [2, 3]
    assert padded.shape[1] % 8 == 0
    for row, tokens in enumerate((lists[2], lists[0])):
        np.testing.assert_array_equal(padded[row, : len(tokens)], words.dequantize(np.array(tokens)))


def test_compare_rankings_equals_the_divergence_by_definition() -> None:
    draw = np.random.default_rng(0)
    ours, theirs, images = (draw.standard_normal((rows, 6)) for rows in (3, 3, 20))
    scores = [10 * vectors @ images.T for vectors in (ours, theirs)]
    p, q = (np.exp(of) / np.exp(of).sum(1, keepdims=True) for of in scores)
    expected = (q * np.log(q / p)).sum(1).mean()
    left, right, items = (torch.from_numpy(array) for array in (ours, theirs, images))
    assert float(compare_rankings(left, right, items, 10)) == pytest.approx(expected)
    assert float(compare_rankings(right, right, items, 10)) == pytest.approx(0)


def test_distillation_with_images_adds_the_weighted_divergence_to_the_loss(finished: LanguagesConfig) -> None:
    """All texts are in one step, so that the weights are still the same."""
    images = np.random.default_rng(0).standard_normal((20, 384)).astype(np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    losses = []
    for ranking in (0.0, 1.0, 3.0):
        config = replace(finished, ranking=ranking, epochs=1, batch=4096)
        run = Distillation(config, E5File(find_e5_file()), *read_pairs(finished), torch.device("cpu"), images)
        losses.append(float(run.advance()))
    assert losses[1] > losses[0]
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-3)


def test_train_languages_with_images_embeds_those_of_train(finished: LanguagesConfig, texts: Path, tmp_path: Path) -> None:
    images = tmp_path / "pictures"
    (images / "images").mkdir(parents=True)
    rows: list[dict[str, object]] = [
        {"image": f"{n}_a.png", "captions": ["x"], "split": split} for n, split in enumerate(("train", "dev", "train"))
    ]
    write(images / "captions.jsonl", rows)
    for number in range(3):
        shutil.copy(texts / "images" / f"{number}_a.png", images / "images")
    config = replace(finished, out=tmp_path, images=images)
    for name in (PAIRS, READER, VECTORS):
        shutil.copy(finished.out / name, tmp_path)
    prepare(config)
    vectors = read_images(config)
    assert vectors is not None
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1], rtol=1e-5)
    assert read_images(finished) is None


def test_build_word_lists_assigns_words_to_english_by_frequency_and_vocabulary() -> None:
    english, other = build_word_lists(["a dog sprints"] * 9, ["hund auf", "a sprints", "auf"] * 60, ["Žába", "table"])
    assert {"dog", "sprints", "table"} <= english  # a word of MiniLM's vocabulary needs much to be another language's
    assert {"hund", "auf", "zaba"} <= other
    assert not {"dog", "sprints", "table", "a"} & other
    assert not {"hund", "zaba"} & english


# One process of a run that kills itself after its first epoch: texts, out.
PROGRAM = """
import os, signal, sys
from pathlib import Path
import torch
from mm.training.languages.train import train_languages
from tests.training.test_languages import config_for
torch.set_num_threads(1)
config = config_for(Path(sys.argv[1]), Path(sys.argv[2]))
train_languages(config, lambda done, *_: os.kill(os.getpid(), signal.SIGKILL) if done == 1 else None)
"""
