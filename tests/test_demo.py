"""The demo: its ground truth, its generated files, and a whole run."""

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

from mm.bench.package_files import PackageFile
from mm.cli.demo import parts, video
from mm.cli.demo.dataset import AUDIO, CLIPS, PHOTOS, QUERIES, RECORDINGS, SCENES, VIDEO
from mm.cli.demo.ground_truth import ImageVariant, Recording, Scene, Target, VideoGroundTruth, build_ground_truth, is_match
from mm.cli.demo.questions import QUESTIONS
from mm.errors import Unavailable
from mm.schemas import Hit, Item

SECONDS = 500  # limit for a hang on a busy machine; a quiet one needs about 35


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


def image_at(path: Path, time: float) -> npt.NDArray[np.float64]:
    with av.open(str(path)) as container:
        frame_at = next(frame for frame in container.decode(video=0) if frame.time >= time)
        return frame_at.to_ndarray(format="rgb24").astype(float)


def loudness(path: Path, start: float, end: float) -> float:
    samples = video._read_samples(path)[round(start * video.RATE) : round(end * video.RATE)]
    return float(np.abs(samples.astype(float)).mean())


def test_splice_writes_the_images_and_audio_of_the_ground_truth(tmp_path: Path) -> None:
    scenes = (Scene("cat", 2.0), Scene("cyclist", 1.5), Scene("coffee", 1.0))
    sounds = (Recording("beckett", 2.5),)
    files = {name: source.locate() for name, source in {**PHOTOS, **CLIPS, **RECORDINGS}.items()}
    path = tmp_path / "video.mp4"
    video.splice(scenes, sounds, files, path)
    truth = build_ground_truth("video", scenes, sounds)
    assert truth.scenes == {
        "cat": Target("video", 0, 2),
        "cyclist": Target("video", 2, 3.5),
        "coffee": Target("video", 3.5, 4.5),
    }
    for name in ("cat", "coffee"):
        with Image.open(files[name]) as photo:
            expected = np.asarray(ImageOps.fit(photo.convert("RGB"), (video.WIDTH, video.HEIGHT)), float)
        target = truth.scenes[name]
        for time in (target.start, target.end - 0.15):
            assert np.abs(image_at(path, time) - expected).mean() < 12
        outside = target.end + 0.05 if name == "cat" else target.start - 0.15
        assert np.abs(image_at(path, outside) - expected).mean() > 30
    assert loudness(path, 0, 2.4) < 1
    assert loudness(path, 2.6, 3.9) > 100  # "Ever tried." is spoken from 0.1 to 1.5 s of the recording
    with av.open(str(path)) as container:
        assert container.duration / av.time_base == pytest.approx(4.5, abs=0.1)


def test_query_files_are_cut_from_their_sources(tmp_path: Path) -> None:
    clip, sound, picture = tmp_path / "c.mp4", tmp_path / "s.wav", tmp_path / "p.jpg"
    video.cut_clip(CLIPS["cyclist"].locate(), 3.0, 4.0, clip)
    expected = video._fill(Image.fromarray(image_at(CLIPS["cyclist"].locate(), 3.0).astype(np.uint8)))
    assert np.abs(image_at(clip, 0) - np.asarray(expected, float)).mean() < 12
    video.cut_audio(RECORDINGS["beckett"].locate(), 3.0, 5.0, sound)
    assert len(video._read_samples(sound)) == 2 * video.RATE
    video.write_variant(PHOTOS["cat"].locate(), ImageVariant("cat", (0.5, 0.0, 1.0, 1.0), mirrored=True), picture)
    with Image.open(picture) as half, Image.open(PHOTOS["cat"].locate()) as whole:
        assert half.size == (whole.width - round(whole.width / 2), whole.height)


@given(st.floats(0, 90), st.floats(0.5, 10))
def test_is_match_requires_an_overlap_with_a_target(start: float, length: float) -> None:
    targets = (Target("video", start, start + length),)
    assert is_match(hit(start, start + length), "video", targets)
    assert is_match(hit(start + 0.2 * length, start + 0.4 * length), "video", targets)
    assert not is_match(hit(start + length, start + 2 * length), "video", targets)
    assert not is_match(hit(start, start + length), "another", targets)
    assert not is_match(hit(start, start + length), "video", ())
    assert is_match(hit(0, 0), "photo", (Target("photo"),))


def test_demo_queries_cover_every_kind_of_query() -> None:
    truth: VideoGroundTruth = build_ground_truth(VIDEO, SCENES, AUDIO)
    named = {*PHOTOS, *CLIPS, *RECORDINGS, VIDEO}
    for query in QUERIES:
        assert {target.medium for target in query.targets(truth)} <= named
    words = [q for q in QUERIES if q.text and not (q.picture or q.sound or q.clip)]
    spoken = [q for q in words if any(target.medium in RECORDINGS for target in q.targets(truth))]
    unmatched = [q for q in words if not q.targets(truth)]
    assert len(spoken) >= 3
    assert len(unmatched) >= 2
    assert len(words) - len(spoken) - len(unmatched) >= 6
    without_text = [q for q in QUERIES if q.text is None]
    assert sum(q.picture is not None for q in without_text) >= 1
    assert sum(q.sound is not None for q in without_text) >= 1
    assert sum(q.clip is not None for q in without_text) >= 1
    assert any(q.text and q.picture for q in QUERIES)
    assert any(q.text and not q.text.isascii() for q in words)
    assert any(q.taken_on for q in words)
    assert len({*PHOTOS, *CLIPS}) > len(SCENES) > len({*CLIPS})


def test_locate_of_a_missing_file_names_file_and_package() -> None:
    with pytest.raises(Unavailable, match="a/b of the package nowhere"):
        PackageFile("nowhere", "a/b").locate()
    with pytest.raises(Unavailable, match="none of the package skimage"):
        PackageFile("skimage", "none").locate()


def test_rendered_parts_are_reproducible_and_only_one_is_scratched(tmp_path: Path) -> None:
    first, second = (parts.write_parts(tmp_path / name) for name in ("first", "second"))
    assert (len(first.good), len(first.new)) == (parts.NUM_GOOD, parts.NUM_NEW + 1)
    files = [[path.read_bytes() for path in (*written.good, *written.new)] for written in (first, second)]
    assert files[0] == files[1]
    assert len(set(files[0])) == len(files[0])
    brightest = [int(np.asarray(Image.open(path)).max()) for path in first.new]
    assert brightest[-1] > max(brightest[:-1])


@pytest.mark.timeout(SECONDS + 10)
def test_demo_runs_with_every_result_correct(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mm.cli.demo"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} of {len(QUERIES)} results are correct" in done.stdout
    assert f"{len(QUESTIONS)} of {len(QUESTIONS)} answers are correct" in done.stdout
    assert re.search(r"✓ scratch.png +fail +p = 0.048 +scratch of 1.\d+ ± 0.0\d+ mm \(k = 2\), rendered 1.2 mm", done.stdout)
    assert "scratch.png" in (tmp_path / "demo" / "inspection" / "report.html").read_text()
    page = (tmp_path / "demo" / "index.html").read_text()
    for query in QUERIES:
        if query.text:
            assert query.text in page
    assert page.count("data:image/webp;base64,") >= len(QUERIES)
    assert not re.search(r'(?:src|href)="(?!data:)', page), "the page loads nothing else"
