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
from PIL import Image
from safetensors.numpy import load_file

from mm.cli.commands.eval import command as evaluation
from mm.cli.commands.train import command
from mm.data.translations import build_dictionary, build_training_pairs, read_flickr_ids
from mm.errors import InvalidInput
from mm.models.text.e5.file import E5File, find_e5_file
from mm.models.text.multilingual import MultilingualTower, read_router
from mm.models.text.weights_file import dequantize
from mm.training.languages.prepare import PAIRS, READER, VECTORS, read_pairs
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.run import Distillation, TokenizedTexts
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
    tokens = TokenizedTexts(run._tokenizer.encode([text]), run._words, run.device).pad([0])
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
