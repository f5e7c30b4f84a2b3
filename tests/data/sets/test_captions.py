"""Captioned images in each layout that people have, and what is said of a faulty folder."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from mm.data.sets.catalog import check_set, describe_set, read_set
from mm.data.sets.types import EvaluationSet
from mm.errors import InvalidInput, StorageFull

CAPTIONS = {"1.jpg": ["a dog", "a brown dog"], "2.jpg": ["two men, one hat", "men"], "3.jpg": ["a boat", "a ship"]}
SPLITS = {"1.jpg": "train", "2.jpg": "val", "3.jpg": "test"}


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MM_HOME", str(folder))
    return folder


def add_images(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name)


def write_tokens(root: Path, name: str) -> None:
    lines = [f"{image}#{number}\t{text}\n" for image, texts in CAPTIONS.items() for number, text in enumerate(texts)]
    (root / name).write_text("".join(lines))


def write_own(root: Path) -> None:
    rows = [{"image": image, "captions": texts, "split": SPLITS[image]} for image, texts in CAPTIONS.items()]
    (root / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_karpathy(root: Path, name: str) -> None:
    images = [
        {"filename": image, "split": SPLITS[image], "sentences": [{"raw": text, "tokens": text.split()} for text in texts]}
        for image, texts in CAPTIONS.items()
    ]
    (root / name).write_text(json.dumps({"images": images, "dataset": "x"}))


def write_flickr30k_tokens(root: Path) -> None:
    write_tokens(root, "results_20130124.token")
    for split, name in (("train", "1\n"), ("val", "2\n"), ("test", "3\n")):
        (root / f"{split}.txt").write_text(name)


def write_flickr30k_table(root: Path) -> None:
    lines = [f"{image}| {number}| {text}\n" for image, texts in CAPTIONS.items() for number, text in enumerate(texts)]
    (root / "results.csv").write_text("image_name| comment_number| comment\n" + "".join(lines))
    for split, name in (("train", "1.jpg\n"), ("val", "2.jpg\n"), ("test", "3.jpg\n")):
        (root / f"flickr30k_{split}.txt").write_text(name)


def write_flickr8k_lists(root: Path) -> None:
    for split, name in (("train", "1.jpg\n"), ("dev", "2.jpg\n"), ("test", "3.jpg\n")):
        (root / f"Flickr_8k.{split}Images.txt").write_text(name)


def write_flickr8k_tokens(root: Path) -> None:
    write_tokens(root, "Flickr8k.token.txt")
    write_flickr8k_lists(root)


def write_flickr8k_table(root: Path) -> None:
    lines = [f"{image},{text}\n" for image, texts in CAPTIONS.items() for text in texts]
    (root / "captions.txt").write_text("image,caption\n" + "".join(lines))
    write_flickr8k_lists(root)


LAYOUTS = {
    "flickr30k own": ("flickr30k", write_own),
    "flickr30k Karpathy": ("flickr30k", lambda root: write_karpathy(root, "dataset_flickr30k.json")),
    "flickr30k authors": ("flickr30k", write_flickr30k_tokens),
    "flickr30k Kaggle": ("flickr30k", write_flickr30k_table),
    "flickr8k own": ("flickr8k", write_own),
    "flickr8k Karpathy": ("flickr8k", lambda root: write_karpathy(root, "dataset_flickr8k.json")),
    "flickr8k authors": ("flickr8k", write_flickr8k_tokens),
    "flickr8k Kaggle": ("flickr8k", write_flickr8k_table),
    "coco Karpathy": ("coco_captions", lambda root: write_karpathy(root, "dataset_coco.json")),
}


def require_fixture_items(data: EvaluationSet, image: str) -> None:
    assert [(item.id, list(item.texts), item.group) for item in data.items] == [(image, CAPTIONS[image], image)]
    assert data.present


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_captions_are_read_in_each_layout(tmp_path: Path, layout: str) -> None:
    name, write = LAYOUTS[layout]
    add_images(tmp_path / "some images", *CAPTIONS)
    write(tmp_path)
    described = describe_set(name)
    assert check_set(described, tmp_path, "dev") == []
    for split, image in (("train", "1.jpg"), ("dev", "2.jpg"), ("test", "3.jpg")):
        require_fixture_items(read_set(described, tmp_path, split), image)
    assert [item.id for item in read_set(described, tmp_path, "all").items] == list(CAPTIONS)


def test_coco_captions_are_read_from_the_files_of_2017(tmp_path: Path) -> None:
    add_images(tmp_path / "val2017", "000000000007.jpg")
    images = [{"id": 7, "file_name": "000000000007.jpg"}, {"id": 8, "file_name": "000000000008.jpg"}]
    annotations = [{"image_id": image, "id": number, "caption": f"text {number} \n"} for number, image in enumerate((7, 7, 8))]
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations" / "captions_val2017.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    described = describe_set("coco_captions")
    assert [str(problem) for problem in check_set(described, tmp_path, "val2017")] == [
        f"{tmp_path}: 1 of 2 images are missing: 000000000008.jpg. Images and annotations are at https://cocodataset.org/#download."
    ]
    data = read_set(described, tmp_path, "val2017")
    assert [item.texts for item in data.items] == [("text 0", "text 1"), ("text 2",)]
    assert data.missing == ("000000000008.jpg",)
    with pytest.raises(InvalidInput, match=r"no image of the split 'dev'. Its splits are: val2017, all"):
        read_set(described, tmp_path, "dev")


def test_coco_karpathy_images_are_found_by_their_numbers_of_2017(tmp_path: Path) -> None:
    add_images(tmp_path / "val2017", "000000000007.jpg")
    image = {"filename": "COCO_val2014_000000000007.jpg", "cocoid": 7, "split": "restval", "sentences": [{"raw": "a"}]}
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": [image]}))
    item = read_set(describe_set("coco_captions"), tmp_path, "train").items[0]
    assert item.path == tmp_path / "val2017" / "000000000007.jpg"


def write_parquet(path: Path, *, single: bool = False) -> None:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    caption = "VARCHAR" if single else "VARCHAR[]"
    connection.execute(
        f'CREATE TABLE t (image STRUCT(bytes BLOB, path VARCHAR), caption {caption}, "split" VARCHAR, filename VARCHAR)'
    )
    for name, texts in CAPTIONS.items():
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4)).save(buffer, "PNG")
        stored = {"bytes": buffer.getvalue(), "path": None}
        for text in texts if single else [texts]:
            connection.execute("INSERT INTO t VALUES (?, ?, ?, ?)", [stored, text, SPLITS[name], name])
    connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")


@pytest.mark.parametrize("single", [False, True])
def test_captions_of_a_parquet_dump_are_read_and_its_images_are_cached(tmp_path: Path, home: Path, single: bool) -> None:
    (tmp_path / "data").mkdir()
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", single=single)
    described = describe_set("flickr30k")
    assert check_set(described, tmp_path, "dev") == []
    assert not (home / "cache").exists()
    data = read_set(described, tmp_path, "dev")
    require_fixture_items(data, "2.jpg")
    path = data.items[0].path
    assert path is not None
    assert path.is_relative_to(home / "cache" / "sets" / "flickr30k")
    with Image.open(path) as image:
        assert image.size == (4, 4)
    assert [file.name for file in path.parent.iterdir()] == ["2.jpg"]
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["test-00000-of-00001.parquet"]
    before = path.stat().st_mtime_ns
    assert read_set(described, tmp_path, "all").present
    assert path.stat().st_mtime_ns == before


def test_parquet_cache_on_a_full_disk_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(tmp_path / "dump.parquet")
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    import mm.data.captions.parquet_dump as module

    def write_to_full_device(path: Path, data: bytes, *, durable: bool = True) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(data)

    monkeypatch.setattr(module, "write_atomic", write_to_full_device)
    with pytest.raises(StorageFull, match="MM_SETS_CACHE"):
        read_set(describe_set("flickr30k"), tmp_path, "dev")


def test_parquet_without_the_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    problems = check_set(describe_set("flickr30k"), tmp_path, "dev")
    assert "`pip install duckdb`" in str(problems[0])


def test_damaged_parquet_is_a_named_error(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no more")
    assert "cannot be read as Parquet" in str(check_set(describe_set("flickr30k"), tmp_path, "dev")[0])


def find_faults(root: Path, name: str = "flickr30k", split: str = "dev") -> str:
    return "\n".join(f"{problem.severity}: {problem}" for problem in check_set(describe_set(name), root, split))


def test_captions_without_a_layout_say_what_was_found_and_expected(tmp_path: Path) -> None:
    add_images(tmp_path, "1.jpg")
    (tmp_path / "notes.txt").write_text("x")
    fault = find_faults(tmp_path)
    assert "expected captions.jsonl, dataset_flickr30k.json, results_20130124.token" in fault
    assert "found 1 images and notes.txt" in fault
    assert "DenotationGraph" in fault


def test_captions_of_a_half_downloaded_set_count_and_name_the_missing(tmp_path: Path) -> None:
    write_karpathy(tmp_path, "dataset_flickr30k.json")
    add_images(tmp_path / "images", "1.jpg", "other.jpg")
    (tmp_path / "images" / "2.jpg").write_bytes(b"")
    fault = find_faults(tmp_path, split="all")
    assert "warning: " in fault
    assert "2 of 3 images are missing: 2.jpg, 3.jpg." in fault
    assert "1 image has no annotation: images/other.jpg." in fault
    assert read_set(describe_set("flickr30k"), tmp_path, "all").missing == ("2.jpg", "3.jpg")
    assert "error: " in find_faults(tmp_path, split="dev")


def test_captions_without_lists_have_only_the_split_all(tmp_path: Path) -> None:
    write_tokens(tmp_path, "results_20130124.token")
    add_images(tmp_path, *CAPTIONS)
    assert "add the lists of images or Karpathy's JSON, or evaluate `--split all`" in find_faults(tmp_path)
    assert find_faults(tmp_path, split="all") == ""


def test_captions_with_a_faulty_line_name_it(tmp_path: Path) -> None:
    (tmp_path / "results_20130124.token").write_text("1.jpg#0\ta dog\nnonsense\n")
    assert "results_20130124.token, line 2: expected image#number, a tab, and the caption." in find_faults(tmp_path)
    (tmp_path / "dataset_flickr30k.json").write_text('{"images": [\n{"filename": "1.jpg"')
    assert "dataset_flickr30k.json, line 2: not JSON" in find_faults(tmp_path)
    (tmp_path / "dataset_flickr30k.json").write_text('{"images": [{"filename": "1.jpg"}]}')
    assert "dataset_flickr30k.json, image 1: expected filename, split and sentences" in find_faults(tmp_path)


def test_captions_with_an_image_twice_are_refused(tmp_path: Path) -> None:
    add_images(tmp_path, *CAPTIONS)
    row = json.dumps({"image": "1.jpg", "captions": ["x"], "split": "dev"})
    (tmp_path / "captions.jsonl").write_text(f"{row}\n{row}\n")
    assert "captions.jsonl, line 2: 1.jpg is in captions.jsonl, line 1 already." in find_faults(tmp_path)


def test_captions_in_several_layouts_say_which_is_read(tmp_path: Path) -> None:
    add_images(tmp_path, *CAPTIONS)
    write_own(tmp_path)
    write_karpathy(tmp_path, "dataset_flickr30k.json")
    assert "several annotations: captions.jsonl, dataset_flickr30k.json. captions.jsonl is read." in find_faults(tmp_path)


def test_captions_of_images_without_one_are_left_out_and_named(tmp_path: Path) -> None:
    add_images(tmp_path, "1.jpg", "2.jpg")
    rows = [{"image": "1.jpg", "captions": ["x"], "split": "dev"}, {"image": "2.jpg", "captions": [" "], "split": "dev"}]
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "captions.jsonl, line 2: 2.jpg has no caption, and is left out." in find_faults(tmp_path)
    assert [item.id for item in read_set(describe_set("flickr30k"), tmp_path, "dev").items] == ["1.jpg"]
