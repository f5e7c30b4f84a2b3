"""The file of generated captions."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.data.language.generated_captions import read_generated_captions, write_generated_captions
from mm.errors import InvalidInput
from mm.generation.caption_ranking import GeneratedCaption


def test_generated_captions_that_were_written_are_read(tmp_path: Path) -> None:
    captions = {"a.png": GeneratedCaption("A dog läuft.", -0.25), "b.png": GeneratedCaption("", -1.0)}
    write_generated_captions(tmp_path / "dev.json", captions)
    assert read_generated_captions(tmp_path / "dev.json") == captions


@pytest.mark.parametrize("text", ['{"a.png": "A dog."}', "[]", "{", '{"a.png": {"text": "A dog."}}'])
def test_read_generated_captions_of_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dev.json").write_text(text)
    with pytest.raises(InvalidInput, match="no file of captions"):
        read_generated_captions(tmp_path / "dev.json")
