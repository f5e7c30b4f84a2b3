"""The demo: its truth is what its video shows, and all of it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mm.cli.demo import video
from mm.cli.demo.dataset import AUDIO, CLIPS, PHOTOS, QUERIES, RECORDINGS, SCENES, VIDEO
from mm.cli.demo.ground_truth import (
    ImageVariant,
    MediaSpan,
    Recording,
    Scene,
    Source,
    VideoGroundTruth,
    build_ground_truth,
    matches,
)
from mm.cli.demo.sources import locate
from mm.errors import Unavailable
from mm.schemas import Hit, Item

SECONDS = 800  # a guard against a hang on a busy machine; a quiet one needs about 35


def hit(start: float, end: float) -> Hit:
    item = Item(
        id="i",
        name="n",
        kind="video",
        content_type="video/mp4",
        size=1,
        duration=100,
        width=1,
        height=1,
        tags=[],
        status="ready",
        created_at=datetime.now(UTC),
    )
    return Hit(
        item=item,
        start=start,
        end=end,
        best_start=start,
        best_end=end,
        score=1,
        band="likely",
        evidence=[],
        thumbnail="",
        media="",
    )


def picture_at(path: Path, time: float) -> npt.NDArray[np.float64]:
    with av.open(str(path)) as container:
        shown = next(frame for frame in container.decode(video=0) if frame.time >= time)
        return shown.to_ndarray(format="rgb24").astype(float)


def loudness(path: Path, start: float, end: float) -> float:
    samples = video._samples(path)[round(start * video.RATE) : round(end * video.RATE)]
    return float(np.abs(samples.astype(float)).mean())


def test_the_film_shows_what_its_truth_says(tmp_path: Path) -> None:
    scenes = (Scene("cat", 2.0), Scene("cyclist", 1.5), Scene("coffee", 1.0))
    sounds = (Recording("beckett", 2.5),)
    files = {name: locate(source) for name, source in {**PHOTOS, **CLIPS, **RECORDINGS}.items()}
    path = tmp_path / "video.mp4"
    video.splice(scenes, sounds, files, path)
    truth = build_ground_truth("video", scenes, sounds)
    assert truth.scenes == {
        "cat": MediaSpan("video", 0, 2),
        "cyclist": MediaSpan("video", 2, 3.5),
        "coffee": MediaSpan("video", 3.5, 4.5),
    }
    for name in ("cat", "coffee"):
        with Image.open(files[name]) as photo:
            expected = np.asarray(ImageOps.fit(photo.convert("RGB"), (video.WIDTH, video.HEIGHT)), float)
        moment = truth.scenes[name]
        for time in (moment.start, moment.end - 0.15):
            assert np.abs(picture_at(path, time) - expected).mean() < 12
        outside = moment.end + 0.05 if name == "cat" else moment.start - 0.15
        assert np.abs(picture_at(path, outside) - expected).mean() > 30
    assert loudness(path, 0, 2.4) < 1
    assert loudness(path, 2.6, 3.9) > 100  # "Ever tried." is speech_truth from 0.1 to 1.5 s of the recording
    with av.open(str(path)) as container:
        assert container.duration / av.time_base == pytest.approx(4.5, abs=0.1)


def test_cuts_are_what_was_cut(tmp_path: Path) -> None:
    clip, sound, picture = tmp_path / "c.mp4", tmp_path / "s.wav", tmp_path / "p.jpg"
    video.cut_clip(locate(CLIPS["cyclist"]), 3.0, 4.0, clip)
    expected = video._fill(Image.fromarray(picture_at(locate(CLIPS["cyclist"]), 3.0).astype(np.uint8)))
    assert np.abs(picture_at(clip, 0) - np.asarray(expected, float)).mean() < 12
    video.cut_sound(locate(RECORDINGS["beckett"]), 3.0, 5.0, sound)
    assert len(video._samples(sound)) == 2 * video.RATE
    video.render(locate(PHOTOS["cat"]), ImageVariant("cat", (0.5, 0.0, 1.0, 1.0), mirrored=True), picture)
    with Image.open(picture) as half, Image.open(locate(PHOTOS["cat"])) as whole:
        assert half.size == (whole.width - round(whole.width / 2), whole.height)


@given(st.floats(0, 90), st.floats(0.5, 10))
def test_a_hit_on_the_moment_agrees_and_one_elsewhere_does_not(start: float, length: float) -> None:
    moments = (MediaSpan("video", start, start + length),)
    assert matches(hit(start, start + length), "video", moments)
    assert matches(hit(start + 0.2 * length, start + 0.4 * length), "video", moments)
    assert not matches(hit(start + length, start + 2 * length), "video", moments)
    assert not matches(hit(start, start + length), "another", moments)
    assert not matches(hit(start, start + length), "video", ())
    assert matches(hit(0, 0), "photo", (MediaSpan("photo"),))


def test_the_questions_cover_what_can_be_asked() -> None:
    truth: VideoGroundTruth = build_ground_truth(VIDEO, SCENES, AUDIO)
    named = {*PHOTOS, *CLIPS, *RECORDINGS, VIDEO}
    for query in QUERIES:
        assert {moment.medium for moment in query.moments(truth)} <= named
    words = [q for q in QUERIES if q.text and not (q.picture or q.sound or q.clip)]
    speech_truth = [q for q in words if any(moment.medium in RECORDINGS for moment in q.moments(truth))]
    nothing = [q for q in words if not q.moments(truth)]
    assert len(speech_truth) >= 3
    assert len(nothing) >= 2
    assert len(words) - len(speech_truth) - len(nothing) >= 6
    alone = [q for q in QUERIES if q.text is None]
    assert sum(q.picture is not None for q in alone) >= 1
    assert sum(q.sound is not None for q in alone) >= 1
    assert sum(q.clip is not None for q in alone) >= 1
    assert any(q.text and q.picture for q in QUERIES)
    assert len({*PHOTOS, *CLIPS}) > len(SCENES) > len({*CLIPS})


def test_a_package_that_is_missing_is_one_sentence() -> None:
    with pytest.raises(Unavailable, match="a/b of the package nowhere"):
        locate(Source("nowhere", "a/b"))
    with pytest.raises(Unavailable, match="none of the package skimage"):
        locate(Source("skimage", "none"))


@pytest.mark.timeout(SECONDS + 10)
def test_the_whole_demo(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mm.cli.demo"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} of {len(QUERIES)} as the truth has it" in done.stdout
    page = (tmp_path / "demo" / "index.html").read_text()
    for query in QUERIES:
        if query.text:
            assert query.text in page
    assert page.count("data:image/webp;base64,") >= len(QUERIES)
    assert not re.search(r'(?:src|href)="(?!data:)', page), "the page needs nothing beside itself"
