"""Sandbox layers against a compromised decoder, and machines that lack layers."""

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
NEW_NAMESPACES = 0x58000000  # <linux/sched.h>: user, network and IPC


def has_namespaces() -> bool:
    """Whether the kernel creates namespaces for a process, tested without the code under test."""
    script = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({NEW_NAMESPACES}) != 0)"
    return subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="this kernel creates no namespaces")
needs_landlock = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")


@contextmanager
def compromised_reader(
    folder: Path, monkeypatch: pytest.MonkeyPatch, layers: tuple[str, ...] = LAYERS, limits: Limits | None = None
) -> Iterator[tuple[MediaReader, Path]]:
    """A reader with a compromised child, which attempts what the file name selects, and a file."""
    monkeypatch.setattr("mm.media.children.fork_client.SERVER", "tests.media.children.hostile_child")
    (folder / "file").write_bytes(b"x")
    with MediaReader(limits, sandbox=Sandbox("limits", layers=layers)) as reader:
        yield reader, folder / "file"


@needs_seccomp
def test_seccomp_alone_denies_files_processes_signals_and_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with compromised_reader(tmp_path, monkeypatch, (*BASE, "seccomp")) as (reader, file):
        for attempt in [*FILES, *PROCESSES, "socket"]:
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == "forbidden", attempt
        with pytest.raises(UnsupportedMedia, match="It went through"):
            reader.probe(file, "thread")


@needs_landlock
def test_landlock_alone_denies_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with compromised_reader(tmp_path, monkeypatch, (*BASE, "Landlock")) as (reader, file):
        attempts = ["read", "list", "write"] + (["socket"] if landlock.abi() >= landlock.PORTS_SINCE else [])
        for attempt in [*attempts, *(["kill"] if landlock.abi() >= landlock.SCOPES_SINCE else [])]:
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == "forbidden", attempt


@needs_namespaces
def test_no_network_alone_denies_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with compromised_reader(tmp_path, monkeypatch, (*BASE, "no network")) as (reader, file):
        assert "no network" in reader.active_layers().layers
        with pytest.raises(MediaError, match=os.strerror(errno.ENETUNREACH)):
            reader.probe(file, "socket")


def test_limits_end_unbounded_memory_files_output_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(memory_bytes=256 << 20, cpu_seconds=1, wall_seconds=3.0, output_bytes=1000)
    reasons = {"memory": "out-of-memory", "open": "unreadable", "output": "crashed", "talk": "timeout", "processor": "timeout"}
    for attempt, reason in reasons.items():
        layers = tuple(layer for layer in LAYERS if layer != "seccomp" or attempt != "open")  # seccomp denies "open"
        with compromised_reader(tmp_path, monkeypatch, layers, limits) as (reader, file):
            with pytest.raises(MediaError) as raised:
                reader.probe(file, attempt)
            assert raised.value.reason == reason, attempt
            if attempt == "open":
                assert os.strerror(errno.EMFILE) in str(raised.value)


def test_active_layers_of_a_reader_account_for_every_layer() -> None:
    with MediaReader() as reader:
        active = reader.active_layers()
        assert set(active.layers) | set(active.missing) == set(LAYERS)
        assert active.describe().startswith("Files are decoded with the layers limits, no new privileges")


def test_active_layers_describe_names_a_missing_layer_and_its_reason() -> None:
    active = ActiveLayers(["limits"], {"no network": "Operation not permitted"})
    assert active.describe() == "Files are decoded with the layers limits. Missing layer: no network (Operation not permitted)."


@pytest.mark.parametrize(
    ("layers", "minimum", "message"),
    [
        (BASE, "one", "MM_SANDBOX_MINIMUM=one requires (Landlock: it was not requested; seccomp: it was not requested)"),
        ((*BASE, "seccomp"), "both", "Landlock: it was not requested"),
        (("seccomp",), "one", "limits: it was not requested"),
    ],
)
def test_reader_below_the_minimum_starts_no_child(tmp_path: Path, layers: tuple[str, ...], minimum: str, message: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with (
        MediaReader(sandbox=Sandbox(minimum, layers=layers)) as reader,  # type: ignore[arg-type]
        pytest.raises(Unavailable, match=f"does not start.*{re.escape(message)}"),
    ):
        reader.probe(tmp_path / "file", "file")


def test_check_minimum_counts_active_layers() -> None:
    without = {"Landlock": "the kernel has none"}
    sandbox.check_minimum(ActiveLayers([*BASE, "seccomp"], without), "one")
    sandbox.check_minimum(ActiveLayers(["limits"], without), "limits")
    with pytest.raises(Unavailable, match="Landlock: the kernel has none"):
        sandbox.check_minimum(ActiveLayers([*BASE, "seccomp"], without), "both")


def test_refuse_vulnerable_decoder_raises_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.refuse_vulnerable_decoder(Sandbox())
    monkeypatch.setattr("mm.media.sandbox.layers.known_vulnerabilities", lambda: ["FFmpeg 8.0.1 has a vulnerability."])
    with pytest.raises(Unavailable, match=r"8\.0\.1 has a vulnerability; MM_SANDBOX_ALLOW_KNOWN_HOLES"):
        sandbox.refuse_vulnerable_decoder(Sandbox())
    sandbox.refuse_vulnerable_decoder(Sandbox(allow_known_holes=True))


def test_from_settings_passes_the_sandbox_minimum_to_the_child() -> None:
    with MediaReader() as plain, MediaReader.from_settings(Settings(sandbox_minimum="both")) as strict:
        if {"Landlock", "seccomp"} <= set(plain.active_layers().layers):
            assert strict.active_layers() == plain.active_layers()
        else:
            with pytest.raises(Unavailable, match="MM_SANDBOX_MINIMUM=both"):
                strict.active_layers()


def test_probe_of_a_file_without_permission_raises_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    with MediaReader() as reader:
        monkeypatch.setattr("mm.media.children.requests.os.open", refuse)
        with pytest.raises(Forbidden, match=r"secret\.mp4"):
            reader.probe(tmp_path / "x", "secret.mp4")
