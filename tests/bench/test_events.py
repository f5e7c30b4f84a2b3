"""The videos of `mm bench events`, and the table of a user's own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.bench.search.events import Watched, read_table
from mm.bench.search.surveillance import ENTER_SECONDS, Event, Light, draw_events, render_frames
from mm.errors import InvalidInput


def test_draw_events_are_in_order_and_apart() -> None:
    events = draw_events(np.random.default_rng(0), 120.0, list("abcde"))
    assert [event.text for event in events] == list("abcde")
    assert all(event.end - event.start > 4 for event in events)
    assert all(after.start - before.end >= 3 for before, after in pairwise(events))


def test_render_frames_show_the_object_during_its_event_in_the_light_of_the_time() -> None:
    background, red = np.full((36, 64, 3), 100, np.uint8), Image.new("RGB", (20, 20), (250, 0, 0))
    event, light = Event(3.0, 8.0, "red"), Light(0.0, 0.5, 9.0)
    frames = list(render_frames([event], {"red": red}, background, 12.0, light, np.random.default_rng(0), noise=0.0))
    reds = [bool((frame[..., 0].astype(int) - frame[..., 1] > 100).any()) for frame in frames]
    shown = [number / 10 for number, is_red in enumerate(reds) if is_red]
    assert event.start <= shown[0] < event.start + ENTER_SECONDS
    assert event.end - ENTER_SECONDS < shown[-1] < event.end
    assert (int(frames[0][0, 0, 0]), int(frames[-1][0, 0, 0])) == (100, 150)


def test_read_table_reads_events_by_video_and_names_the_line_of_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    table = tmp_path / "events.csv"
    table.write_text("file,start,end,text\na.mp4,1,2.5,a dog\na.mp4,4,6,a cat\n")
    assert read_table(table) == [Watched(tmp_path / "a.mp4", (Event(1.0, 2.5, "a dog"), Event(4.0, 6.0, "a cat")))]
    for row in ("b.mp4,1,2,a dog", "a.mp4,2,1,a dog", "a.mp4,x,2,a dog", "a.mp4"):
        table.write_text(f"file,start,end,text\na.mp4,1,2,a dog\n{row}\n")
        with pytest.raises(InvalidInput, match="line 3"):
            read_table(table)
    table.write_text("file,start,end,text\n")
    with pytest.raises(InvalidInput, match="no events"):
        read_table(table)
