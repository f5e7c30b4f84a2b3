"""The shipped questions, and the rules that say which pictures answer them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from mm.data.everyday.build import build_questions
from mm.data.everyday.questions import (
    KINDS,
    SPLITS,
    TRANSLATED_KINDS,
    Question,
    find_libraries,
    read_questions,
    read_translations,
    write_questions,
)
from mm.data.everyday.rules import parse_rule
from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput

EVERYDAY = Path("datasets/everyday")


def test_shipped_questions_have_thirty_answerable_and_ten_unanswerable_ones_of_each_kind() -> None:
    questions = read_questions(EVERYDAY)
    assert Counter((each.kind, bool(each.right)) for each in questions) == {
        (kind, has_answer): 30 if has_answer else 10 for kind in KINDS for has_answer in (True, False)
    }
    assert len({each.id for each in questions}) == len(questions)
    assert all(not set(each.right) & set(each.unsure) for each in questions)
    assert min(len(each.right) for each in questions if each.kind == "one word" and each.right) >= 10


def test_shipped_table_has_the_texts_of_the_shipped_answers() -> None:
    rows = [line.split("\t") for line in (EVERYDAY / "questions.tsv").read_text().splitlines() if not line.startswith("#")]
    expected = {(kind, library, text, parse_rule(rule).has_answer) for kind, library, text, rule in rows}
    written = {(each.kind, each.library, each.text, bool(each.right)) for each in read_questions(EVERYDAY) if each.text}
    assert written == expected


@pytest.mark.parametrize(
    ("captions", "judgement"),
    [
        (["A red car .", "a RED, old car", "a street"], "right"),
        (["a red car", "a street", "a street"], "unsure"),
        (["a red dog", "a red dog", "a street"], "wrong"),
        (["a red car", "a red car in snow", "a car"], "unsure"),
        (["a red car", "a red car in snow", "snow"], "wrong"),
        (["a redcar", "a red cart", "a red-car"], "wrong"),
        (["a red car"], "right"),
    ],
)
def test_rule_judges_a_picture_by_the_number_of_captions_that_match(captions: list[str], judgement: str) -> None:
    assert parse_rule(r"red (\S+ ){0,2}cars? & !snow|snowy").judge(captions) == judgement


@pytest.mark.parametrize("rule", ["!snow", "none: ", "dog("])
def test_parse_rule_of_an_invalid_rule_raises_invalid_input(rule: str) -> None:
    with pytest.raises(InvalidInput, match="expression"):
        parse_rule(rule)


def make_set(name: str) -> EvaluationSet:
    long = " ".join(["a dog and a ball"] * 4)
    items = [
        SetItem(f"{number}.png", Path("x"), f"{number}", (f"A brown dog runs over grass number {number} .", long))
        for number in range(3)
    ]
    return EvaluationSet(name, "dev", (*items, SetItem("cat.png", Path("x"), "c", ("a cat", "a cat"))))


def test_build_questions_judges_the_table_and_draws_captions_without_their_text(tmp_path: Path) -> None:
    libraries = {name: make_set(name) for name in SPLITS}
    questions = build_questions("one word\tflickr8k\tdog\tdogs?\none word\tflickr8k\tcat\tnone: cats?\n", libraries)
    dog, cat = questions[:2]
    assert (dog.right, dog.unsure, cat.right, cat.unsure) == (("0.png", "1.png", "2.png"), (), (), ("cat.png",))
    drawn = [each for each in questions if each.caption]
    assert {each.kind for each in drawn} == {"captions"}, "every picture is used once, by the first kind"
    items = {item.id: item for item in libraries["flickr8k"].items}
    assert all(not each.text and each.fill_in(items).startswith("A brown dog runs") for each in drawn)
    write_questions(tmp_path / "answers.jsonl", questions)
    assert read_questions(tmp_path) == questions
    with pytest.raises(InvalidInput, match="Line 1: no picture of flickr8k answers"):
        build_questions("one word\tflickr8k\thorse\thorses?", libraries)
    with pytest.raises(InvalidInput, match="Line 1 must have a kind"):
        build_questions("one word\tdog", libraries)


@pytest.mark.parametrize("change", [{"right": "x"}, {"kind": "riddle"}, {"library": "films"}, {"caption": ["a"]}])
def test_read_questions_of_another_form_raises_invalid_input_with_the_line(tmp_path: Path, change: dict[str, object]) -> None:
    row = {"id": "a", "kind": "one word", "library": "flickr8k", "text": "dog", "right": [], "unsure": []} | change
    (tmp_path / "answers.jsonl").write_text(json.dumps(row))
    with pytest.raises(InvalidInput, match="line 1"):
        read_questions(tmp_path)


def write_folder(folder: Path, split: str) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "0.png").write_bytes(b"x")
    (folder / "captions.jsonl").write_text(json.dumps({"image": "0.png", "captions": ["a dog"], "split": split}))


def test_find_libraries_recognizes_a_set_by_the_names_of_its_pictures(tmp_path: Path) -> None:
    question = Question("a", "one word", "flickr8k", "dog", ("0.png",), ())
    write_folder(tmp_path / "one", "dev")
    write_folder(tmp_path / "two", "dev")
    ((name, (root, data)),) = find_libraries([tmp_path / "one"], [question]).items()
    assert (name, root, len(data.present)) == ("flickr8k", tmp_path / "one", 1)
    with pytest.raises(InvalidInput, match="both hold flickr8k"):
        find_libraries([tmp_path / "one", tmp_path / "two"], [question])
    with pytest.raises(InvalidInput, match="no picture that the questions name"):
        find_libraries([tmp_path / "one" / "images"], [question])


def test_imagenet_samples_are_read_with_the_name_of_their_class(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "n1.jpg").write_bytes(b"x")
    (tmp_path / "classes.json").write_text(json.dumps({"n1": "great white shark"}))
    (tmp_path / "split.json").write_text(json.dumps({"protocols": {"photos": {"dev": ["images/n1.jpg"]}}}))
    question = Question("a", "names", "imagenet_samples", "shark", ("n1.jpg",), ())
    data = find_libraries([tmp_path], [question])["imagenet_samples"][1]
    assert [(item.id, item.texts) for item in data.items] == [("n1.jpg", ("great white shark",))]
    (tmp_path / "split.json").write_text("{}")
    with pytest.raises(InvalidInput, match="no picture that the questions name"):
        find_libraries([tmp_path], [question])


def test_shipped_translations_are_of_questions_of_their_kinds_in_ten_languages() -> None:
    questions = read_questions(EVERYDAY)
    translated = read_translations(EVERYDAY, questions)
    assert {each.kind for each in translated} == set(TRANSLATED_KINDS)
    assert sorted({each.language for each in translated}) == ["ar", "de", "es", "fr", "hi", "ja", "ko", "ru", "tr", "zh"]
    by_id = {each.id: each for each in questions}
    for each in translated:
        english = by_id[each.id.removesuffix(f"-{each.language}")]
        assert (each.right, each.unsure, each.text) == (english.right, english.unsure, english.text)
        assert each.fill_in({}) == each.translation


@pytest.mark.parametrize("row", ["dog\tHund", "dog\tHund\t ", "unicorn\tEinhorn\tlicorne", "dog\tHund\tchien\tperro"])
def test_read_translations_of_another_form_raises_invalid_input_with_the_line(tmp_path: Path, row: str) -> None:
    (tmp_path / "translations.tsv").write_text(f"# question\tde\tfr\ndog\tHund\tchien\n{row}\n")
    with pytest.raises(InvalidInput, match="line 3 must have a question and its 2 translations"):
        read_translations(tmp_path, [Question("one-word-1", "one word", "flickr8k", "dog", ("x",), ())])
