"""A user's own folder: every layout is understood, and every fault is named by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mm.data.folder.columns import canonical_column, closest_column, parse_seconds
from mm.data.folder.examples import EXAMPLES
from mm.data.folder.items import build_items
from mm.data.folder.layout import read_folder, select_items
from mm.data.folder.tables import read_table
from mm.data.sets.problems import MAX_LISTED, FolderIndex, ProblemList
from mm.errors import InvalidInput


def add_images(root: Path, *names: str, size: tuple[int, int] = (4, 4)) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(root / name)


def find_faults(root: Path, table: str, name: str = "table.csv") -> list[str]:
    (root / name).write_text(table, encoding="utf-8")
    return [f"{problem.severity}: {problem}" for problem in read_folder(root).problems]


def test_folder_table_gives_items_with_captions_groups_and_splits(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "images/b.jpg")
    table = 'image,caption,group,split\na.jpg,"one, with a comma",g,val\na.jpg,two,g,val\nb.jpg,three,,train\n'
    assert find_faults(tmp_path, table) == []
    folder = read_folder(tmp_path)
    data = select_items(folder, tmp_path, "all")
    assert [item.texts for item in data.items] == [("one, with a comma", "two"), ("three",)]
    assert [item.group for item in data.items] == ["g", "b.jpg"]
    assert data.items[1].path == tmp_path / "images" / "b.jpg"
    assert folder.splits == ("all", "dev", "train")
    assert [item.id for item in select_items(folder, tmp_path, "validation").items] == ["a.jpg"]
    with pytest.raises(InvalidInput, match=r"no split 'test'. Its splits are: all, dev, train"):
        select_items(folder, tmp_path, "test")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_folder_table_is_read_with_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg")
    rows = [("file", "label"), ("a.jpg", "x"), ("b.jpg", "y")]
    assert find_faults(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows)) == []
    assert read_folder(tmp_path).tasks == ("classification",)


def test_folder_utf16_table_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg")
    (tmp_path / "table.csv").write_text("file\tcaption\r\na.jpg\tein Tür\r\n", encoding="utf-16")
    assert select_items(read_folder(tmp_path), tmp_path, "all").items[0].texts == ("ein Tür",)


FAULTS = {
    "file,caption\na.jpg,x\nb.jpg,y\n": "table.csv, line 3: the file b.jpg does not exist.",
    "file,caption\na.jpg,x,y\n": "table.csv, line 2: 3 values for 2 columns. A value with commas in it needs quotation marks",
    "file,captoin\na.jpg,x\n": "the column 'captoin' is unknown, and is not read. Is it 'caption'?",
    "caption\nx\n": "table.csv, line 1: no column is file",
    "file,image,caption\na.jpg,a.jpg,x\n": "the columns file and image are both file: keep one.",
    "id,file,caption\n1,a.jpg,x\n1,c.jpg,y\n": "table.csv, line 3: the id '1' is that of a.jpg (table.csv, line 2) already.",
    "id,file,caption\n1,a.jpg,x\n2,./a.jpg,y\n": "has the id '1' (table.csv, line 2) already.",
    "file,caption\na.jpg,x\na.jpg,x\n": "table.csv, line 3: the caption is there already: 'x'.",
    "file,start,end,caption\na.jpg,1,one,x\n": "table.csv, line 2: 'one' is not a time in seconds.",
    "file,start,end,caption\na.jpg,5,2,x\n": "table.csv, line 2: the moment ends at 2 s, and does not start before that",
    "file,start,end,duration\na.jpg,5,9,8\n": "table.csv, line 2: the moment ends at 9 s, after the end of the file (8 s).",
    "file,start,end\na.jpg,5,\n": "start and end are given together, or neither.",
    "file;start;end\na.jpg;1,5;2\n": "'1,5' is not a time in seconds. Write a point, not a comma.",
    "file,caption,split\na.jpg,x,dev\na.jpg,y,test\n": "line 3: the split is 'test' here and 'dev' in table.csv, line 2.",
    "file,caption\na.jpg,\n": "table.csv, line 2: a.jpg has no caption, label, moment or mask.",
    "file,caption\n../b.jpg,x\n": "table.csv, line 2: ../b.jpg is outside of the folder.",
    'file,caption\na.jpg,"x\n': "table.csv, line 2: not CSV from here on",
    "file,mask\na.jpg,large.png\n": "table.csv, line 2: the mask large.png is 9 x 9 pixels, the image 4 x 4.",
    "file,caption\n": "the table has no rows.",
    "": "table.csv: the file is empty. `mm data example captions` prints a table",
}


@pytest.mark.parametrize("table", list(FAULTS), ids=list(FAULTS.values()))
def test_folder_fault_is_named_by_its_line(tmp_path: Path, table: str) -> None:
    add_images(tmp_path, "a.jpg", "c.jpg")
    add_images(tmp_path, "large.png", size=(9, 9))
    assert any(FAULTS[table] in fault for fault in find_faults(tmp_path, table))


JSON_FAULTS = {
    '{"file": "a.jpg", "captions": ["x"]}\n{"file": \n': "table.jsonl, line 2: not JSON",
    "[1]\n": "table.jsonl, line 1: the file is a JSON array, not JSON lines.",
    "7\n": "table.jsonl, line 1: expected an object",
    '{"file": "a.jpg", "captions": [["x"]]}\n': "table.jsonl, line 1: expected a text or a list of texts",
    '{"file": "a.jpg", "moments": [{"start": 1}]}\n': "table.jsonl, line 1: a moment needs start and end.",
    '{"file": "a.jpg", "moments": [{"start": 1, "end": 2, "what": 1}]}\n': "a moment has no field 'what'",
    '{"file": ["a.jpg", "c.jpg"]}\n': "the row names several files.",
    '{"captions": ["x"]}\n{"file": "a.jpg", "captions": ["x"]}\n': "table.jsonl, line 1: the row names no file.",
    '{"file": "a.jpg", "captions": ["\\ud800"]}\n': "the text has characters that no file can hold.",
    '{"file": "a\\u0000.jpg", "captions": ["x"]}\n': "the text has characters that no file can hold.",
}


@pytest.mark.parametrize("table", list(JSON_FAULTS), ids=list(JSON_FAULTS.values()))
def test_folder_fault_in_json_lines_is_named_by_its_line(tmp_path: Path, table: str) -> None:
    add_images(tmp_path, "a.jpg", "c.jpg")
    assert any(JSON_FAULTS[table] in fault for fault in find_faults(tmp_path, table, "table.jsonl"))


def test_folder_wrong_encoding_names_line_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes("file,caption\na.jpg,ein Haus\na.jpg,eine Tür\n".encode("latin-1"))
    problem = read_folder(tmp_path).problems[0]
    assert str(problem).startswith("table.csv, line 3: byte 0xfc is not UTF-8. Convert it: `iconv -f WINDOWS-1252")


def test_folder_many_faults_of_a_kind_are_counted(tmp_path: Path) -> None:
    faults = find_faults(tmp_path, "file,caption\n" + "".join(f"{number}.jpg,x\n" for number in range(50)))
    assert len([fault for fault in faults if "does not exist" in fault]) == MAX_LISTED
    assert any(f"{50 - MAX_LISTED} more problems of this kind." in fault for fault in faults)
    assert any(fault.startswith("error") and "no file that the table names is in the folder" in fault for fault in faults)


def test_folder_files_without_annotation_are_counted_and_named(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg")
    assert any("1 file has no annotation: b.jpg." in fault for fault in find_faults(tmp_path, "file,caption\na.jpg,x\n"))


def test_folder_captions_in_two_languages_need_a_choice(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg")
    assert find_faults(tmp_path, "file,caption,lang\na.jpg,a gate,en\na.jpg,ein Tor,de\n") == []
    folder = read_folder(tmp_path)
    assert select_items(folder, tmp_path, "all.de").items[0].texts == ("ein Tor",)
    with pytest.raises(InvalidInput, match=r"choose one, `--split all.de` or `--split all.en`"):
        select_items(folder, tmp_path, "all")


def test_folder_moments_are_rows_or_lists(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"x")
    assert find_faults(tmp_path, "video,start,end,caption\nv.mp4,1,2.5,a man\nv.mp4,0:01:00,1:02:00,a dog\n") == []
    rows = select_items(read_folder(tmp_path), tmp_path, "all").items[0].moments
    assert [(moment.start, moment.end, moment.text) for moment in rows] == [(1, 2.5, "a man"), (60, 3720, "a dog")]
    (tmp_path / "table.csv").unlink()
    spans = [{"start": 1, "end": 2.5, "caption": "a man"}, {"start": 60, "end": 3720, "caption": "a dog"}]
    assert find_faults(tmp_path, json.dumps({"file": "v.mp4", "moments": spans}) + "\n", "table.jsonl") == []
    assert select_items(read_folder(tmp_path), tmp_path, "all").items[0].moments == rows


def test_folder_tables_named_as_splits_are_read_together(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "train.csv").write_text("file,caption\na.jpg,x\n")
    (tmp_path / "val.csv").write_text("file,caption\nb.jpg,y\n")
    assert [(found.item.id, found.split) for found in read_folder(tmp_path).items] == [("a.jpg", "train"), ("b.jpg", "dev")]


def test_folder_several_tables_are_refused_unless_one_is_preferred(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg")
    (tmp_path / "one.csv").write_text("file,caption\na.jpg,x\n")
    assert any("there are several tables: one.csv, table.csv." in fault for fault in find_faults(tmp_path, "file,caption\n"))
    assert find_faults(tmp_path, "file,caption\na.jpg,x\n", "annotations.csv") == []


def test_folder_of_class_folders_gives_labels_and_splits(tmp_path: Path) -> None:
    add_images(tmp_path, "train/cat/1.jpg", "val/cat/2.jpg", "val/dog/3.jpg")
    folder = read_folder(tmp_path)
    assert not folder.problems
    assert [(found.item.id, found.item.labels, found.split) for found in folder.items] == [
        ("train/cat/1.jpg", ("cat",), "train"), ("val/cat/2.jpg", ("cat",), "dev"), ("val/dog/3.jpg", ("dog",), "dev")
    ]  # fmt: skip


def test_folder_of_parts_gives_kinds_and_masks(tmp_path: Path) -> None:
    add_images(
        tmp_path, "train/good/1.png", "test/good/2.png", "test/hole/3.png", "test/hole/4.png", "ground_truth/hole/3_mask.png"
    )
    folder = read_folder(tmp_path)
    assert [str(problem) for problem in folder.problems] == ["test/hole/4.png: there is no mask of it in ground_truth/hole."]
    assert folder.tasks == ("classification", "defects")
    hole = select_items(folder, tmp_path, "test").items[1]
    assert hole.labels == ("hole",)
    assert hole.masks == (tmp_path / "ground_truth/hole/3_mask.png",)


def test_folder_without_table_or_classes_says_what_is_expected(tmp_path: Path) -> None:
    assert "there is no table (.csv, .tsv, .jsonl, .ndjson, .parquet)" in str(read_folder(tmp_path).problems[0])


@pytest.mark.parametrize("kind", list(EXAMPLES))
def test_example_table_is_read_without_a_fault(tmp_path: Path, kind: str) -> None:
    name, text = EXAMPLES[kind]
    problems = ProblemList()
    (tmp_path / name).write_text(text)
    items = build_items(read_table(tmp_path / name, problems), "", FolderIndex.read(tmp_path), problems)
    assert {problem.what.split()[-3:][-1] for problem in problems.listed()} == {"exist."}
    assert items


def test_column_close_names_are_found() -> None:
    assert canonical_column("Image Path") == "file"
    assert canonical_column("caption_3") == "caption"
    assert canonical_column("colour") is None
    assert closest_column("lable") == "label"
    assert closest_column("colour") is None


@given(st.floats(0, 1e6))
def test_seconds_of_a_number_are_the_number(value: float) -> None:
    assert parse_seconds(repr(value)) == value


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), suffix=st.sampled_from(["csv", "jsonl"]), head=st.sampled_from([b"", b"file,caption\n"]))
def test_folder_table_of_any_bytes_raises_no_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str, head: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    root.mkdir(exist_ok=True)
    path = root / f"table.{suffix}"
    path.write_bytes(head + data)
    problems = ProblemList()
    build_items(read_table(path, problems), "", FolderIndex(root, {}), problems)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
)
def test_folder_table_returns_the_captions_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], delimiter: str
) -> None:
    import csv

    root = tmp_path_factory.getbasetemp() / "written"
    root.mkdir(exist_ok=True)
    with (root / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(
            [("file", "caption"), *((f"{n}.jpg", text) for n, text in enumerate(texts))]
        )
    items = build_items(read_table(root / "table.csv", ProblemList()), "", FolderIndex(root, {}), ProblemList())
    expected = [" ".join(text.split()) for text in texts]
    plain = [(text, item.item.texts) for text, item in zip(expected, items, strict=True) if not text.startswith("[")]
    assert all(read == ((text,) if text else ()) for text, read in plain)
