"""The layers bite: a decoder that was taken over gets nowhere, and a machine that lacks layers is
told so."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mm.errors import Forbidden, MediaError, Unavailable, UnsupportedMedia
from mm.media import MediaReader
from mm.media.sandbox import landlock, seccomp
from mm.media.sandbox import layers as sandbox
from mm.media.sandbox.layers import LAYERS, ActiveLayers, Sandbox
from mm.media.types import Limits
from mm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = ("limits", "no new privileges", "no capabilities")
FILES = ["read", "read-by-handle", "list", "write", "unlink", "rename"]
PROCESSES = ["fork", "program", "exec", "ptrace", "kill", "executable", "send-a-file"]

needs_seccomp = pytest.mark.skipif(seccomp.current_architecture() is None, reason="no filter for this processor")
ALONE = 0x58000000  # <linux/sched.h>: namespaces of its own for users, network and IPC


def namespaces() -> bool:
    """Whether the kernel gives a process namespaces of its own, asked without the code under
    test."""
    asked = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({ALONE}) != 0)"
    return subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(not namespaces(), reason="this kernel gives a process no namespaces of its own")
needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")


@contextmanager
def taken_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, layers: tuple[str, ...] = LAYERS, limits: Limits | None = None
) -> Iterator[tuple[MediaReader, Path]]:
    """A reader whose child does what the name of the file says, and a file."""
    monkeypatch.setattr("mm.media.children.fork_client.SERVER", "tests.media.children.hostile_child")
    (folder / "file").write_bytes(b"x")
    with MediaReader(limits, sandbox=Sandbox("limits", layers=layers)) as reader:
        yield reader, folder / "file"


@needs_seccomp
def test_behind_seccomp_nothing_is_opened_started_or_signalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_over(tmp_path, monkeypatch, (*BASE, "seccomp")) as (reader, file):
        for attempt in [*FILES, *PROCESSES, "socket"]:
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == "forbidden", attempt
        with pytest.raises(UnsupportedMedia, match="It went through"):
            reader.probe(file, "thread")


@needs_landlock
def test_behind_landlock_alone_no_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_over(tmp_path, monkeypatch, (*BASE, "Landlock")) as (reader, file):
        attempts = ["read", "list", "write"] + (["socket"] if landlock.abi() >= landlock.PORTS_SINCE else [])
        for attempt in [*attempts, *(["kill"] if landlock.abi() >= landlock.SCOPES_SINCE else [])]:
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == "forbidden", attempt


@needs_namespaces
def test_without_a_network_there_is_not_even_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_over(tmp_path, monkeypatch, (*BASE, "no network")) as (reader, file):
        assert "no network" in reader.active_layers().layers
        with pytest.raises(MediaError, match=os.strerror(errno.ENETUNREACH)):
            reader.probe(file, "socket")


def test_limits_end_what_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(memory_bytes=256 << 20, cpu_seconds=1, wall_seconds=3.0, output_bytes=1000)
    reasons = {"memory": "out-of-memory", "open": "unreadable", "output": "crashed", "talk": "timeout", "processor": "timeout"}
    for attempt, reason in reasons.items():
        layers = tuple(layer for layer in LAYERS if layer != "seccomp" or attempt != "open")  # it would refuse the first one
        with taken_over(tmp_path, monkeypatch, layers, limits) as (reader, file):
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == reason, attempt
            if attempt == "open":
                assert os.strerror(errno.EMFILE) in str(raised.value)


def test_a_plain_child_says_what_holds_it() -> None:
    with MediaReader() as reader:
        held = reader.active_layers()
        assert set(held.layers) | set(held.missing) == set(LAYERS)
        assert held.describe().startswith("Files are decoded with the layers limits, no new privileges")


def test_a_missing_layer_is_named_with_its_reason() -> None:
    held = ActiveLayers(["limits"], {"no network": "Operation not permitted"})
    assert held.describe() == "Files are decoded with the layers limits. Missing layer: no network (Operation not permitted)."


@pytest.mark.parametrize(
    ("layers", "minimum", "said"),
    [
        (BASE, "one", "MM_SANDBOX_MINIMUM=one requires (Landlock: it was not requested; seccomp: it was not requested)"),
        ((*BASE, "seccomp"), "both", "Landlock: it was not requested"),
        (("seccomp",), "one", "limits: it was not requested"),
    ],
)
def test_a_child_without_the_minimum_does_not_start(tmp_path: Path, layers: tuple[str, ...], minimum: str, said: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with (
        MediaReader(sandbox=Sandbox(minimum, layers=layers)) as reader,  # type: ignore[arg-type]
        pytest.raises(Unavailable, match=f"does not start.*{re.escape(said)}"),
    ):
        reader.probe(tmp_path / "file", "file")


def test_the_minimum_counts_what_holds() -> None:
    without = {"Landlock": "the kernel has none"}
    sandbox.check_minimum(ActiveLayers([*BASE, "seccomp"], without), "one")
    sandbox.check_minimum(ActiveLayers(["limits"], without), "limits")
    with pytest.raises(Unavailable, match="Landlock: the kernel has none"):
        sandbox.check_minimum(ActiveLayers([*BASE, "seccomp"], without), "both")


def test_an_ffmpeg_with_a_published_hole_is_refused_unless_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.refuse_vulnerable_decoder(Sandbox())
    monkeypatch.setattr("mm.media.sandbox.layers.known_vulnerabilities", lambda: ["FFmpeg 8.0.1 has a hole."])
    with pytest.raises(Unavailable, match=r"8\.0\.1 has a hole; MM_SANDBOX_ALLOW_KNOWN_HOLES"):
        sandbox.refuse_vulnerable_decoder(Sandbox())
    sandbox.refuse_vulnerable_decoder(Sandbox(allow_known_holes=True))


def test_the_settings_reach_the_child() -> None:
    with MediaReader() as plain, MediaReader.from_settings(Settings(sandbox_minimum="both")) as strict:
        if {"Landlock", "seccomp"} <= set(plain.active_layers().layers):
            assert strict.active_layers() == plain.active_layers()
        else:
            with pytest.raises(Unavailable, match="MM_SANDBOX_MINIMUM=both"):
                strict.active_layers()


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    with MediaReader() as reader:
        monkeypatch.setattr("mm.media.children.requests.os.open", refuse)
        with pytest.raises(Forbidden, match=r"secret\.mp4"):
            reader.probe(tmp_path / "x", "secret.mp4")
