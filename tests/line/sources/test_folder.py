"""Folder that is being filled: completeness, ids, bad files."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PIL import Image

from mm.errors import InvalidInput, NotFound
from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.sources.folder import Folder
from mm.line.types import CaughtUp, Gap, PartEnd, PartRecord, SourceFrame, SourceItem, UnreadableFrame
from mm.media import MediaReader
from tests.line.conveyor import SpotInspector

PATTERN = r"^(?P<part>[^_]+)_"


@pytest.fixture(scope="module")
def reader() -> object:
    with MediaReader() as reader:
        yield reader


def save(path: Path, shade: int = 90) -> None:
    Image.new("RGB", (20, 12), (shade, shade, shade)).save(path)


def read(
    folder: Path, reader: MediaReader, decided: frozenset[str] = frozenset(), pattern: str = "", count: int = 0
) -> list[SourceItem]:
    source = Folder(folder, reader, follow=False, pattern=pattern, images_per_part=count, settle_seconds=0.0)
    return list(source.items(0.0, threading.Event(), decided.__contains__))


def describe(items: list[SourceItem]) -> list[tuple[str, str]]:
    names: dict[type, str] = {SourceFrame: "frame", PartEnd: "end", UnreadableFrame: "unreadable"}
    return [(names[type(item)], item.part) for item in items if not isinstance(item, CaughtUp | Gap)]


def test_folder_each_image_is_a_part_by_name_and_content(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    items = describe(read(tmp_path, reader))
    assert [kind for kind, _ in items] == ["frame", "end", "frame", "end"]
    parts = list(dict.fromkeys(part for _, part in items))
    assert [part.split("-")[0] for part in parts] == ["a", "b"]
    save(tmp_path / "a.png", shade=10)  # another image under the same name is another part
    assert parts[0] not in {part for _, part in describe(read(tmp_path, reader))}


def test_folder_decided_part_is_not_read_again(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (_, part), _ = describe(read(tmp_path, reader))
    assert describe(read(tmp_path, reader, frozenset({part}))) == []


def test_folder_pattern_groups_images_of_a_part(reader: MediaReader, tmp_path: Path) -> None:
    for name in ("p1_top.png", "p2_top.png", "p1_side.png", "p2_side.png", "readme.png"):
        save(tmp_path / name)
    items = describe(read(tmp_path, reader, pattern=PATTERN, count=2))
    assert sorted(items) == sorted(
        [("frame", "p1"), ("frame", "p1"), ("end", "p1"), ("frame", "p2"), ("frame", "p2"), ("end", "p2")]
    )
    assert items.index(("end", "p1")) > max(index for index, item in enumerate(items) if item == ("frame", "p1"))


def test_folder_part_without_all_its_images_ends_with_the_source(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "p1_top.png")
    assert describe(read(tmp_path, reader, pattern=PATTERN, count=2)) == [("frame", "p1"), ("end", "p1")]


def test_folder_damaged_image_is_reported_for_its_part(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    items = read(tmp_path, reader)
    assert [kind for kind, _ in describe(items)] == ["unreadable", "end"]
    assert isinstance(items[0], UnreadableFrame)
    assert "a.png" in items[0].reason


def test_folder_unfinished_and_other_files_are_ignored(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.png.tmp")
    save(tmp_path / "b.png")
    (tmp_path / "b.png").rename(tmp_path / ".b.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "sub.png").mkdir()
    assert describe(read(tmp_path, reader)) == []


def test_folder_file_that_still_grows_is_read_when_it_is_complete(reader: MediaReader, tmp_path: Path) -> None:
    save(tmp_path / "source.tif")
    data = (tmp_path / "source.tif").read_bytes()
    (tmp_path / "source.tif").unlink()
    source = Folder(tmp_path, reader, follow=True, settle_seconds=0.6)
    stop, items = threading.Event(), list[SourceItem]()

    def consume() -> None:
        for item in source.items(0.0, stop, lambda part: False):
            items.append(item)
            if isinstance(item, PartEnd):
                stop.set()

    thread = threading.Thread(target=consume)
    thread.start()
    with (tmp_path / "growing.tif").open("wb", buffering=0) as file:
        for start in range(0, len(data), 128):
            file.write(data[start : start + 128])
            stop.wait(0.05)
    thread.join(60)
    assert [kind for kind, _ in describe(items)] == ["frame", "end"]


@pytest.mark.parametrize("pattern", ["(", "(?P<id>x)"])
def test_folder_pattern_without_a_part_is_refused(reader: MediaReader, tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput):
        Folder(tmp_path, reader, follow=False, pattern=pattern)


def test_folder_missing_is_refused(reader: MediaReader, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Folder(tmp_path / "none", reader, follow=False)


def test_line_over_a_folder_restarted_decides_removed_parts_before_it_ends(reader: MediaReader, tmp_path: Path) -> None:
    """A folder that is followed has no end: the verdict comes after the files that are there."""
    (tmp_path / "in").mkdir()
    save(tmp_path / "in" / "b.png")
    records: list[PartRecord] = []
    with Ledger(tmp_path / "line", []) as ledger:
        ledger.enter("a-0123", 5.0)

        def add(record: PartRecord) -> None:
            records.append(record)
            if len(records) == 2:
                line.stop()

        source = Folder(tmp_path / "in", reader, follow=True, settle_seconds=0.0)
        config = LineConfig("press", deadline_seconds=None)
        line = Line(config, source, SpotInspector(), ledger, tmp_path / "line", on_verdict=add)
        line.run()
    verdicts = {record.part.partition("-")[0]: record.verdict for record in records}
    assert verdicts == {"a": "UNDECIDED", "b": "PASS"}
