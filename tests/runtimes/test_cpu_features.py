"""Processor features, and the runtime suggested for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.runtimes import list_runtimes
from mm.runtimes.cpu_features import DOT_PRODUCT_RUNTIME, read_cpu_flags, read_cpuinfo, suggest_runtime

X86 = "processor : 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512_vnni\n\nprocessor : 1\nflags\t\t: fpu\n"
ARM = "processor : 0\nBogoMIPS : 50.00\nFeatures : fp asimd asimddp\n"


@pytest.mark.parametrize(
    ("text", "flags", "suggested"),
    [
        (X86, {"fpu", "avx2", "avx512_vnni"}, DOT_PRODUCT_RUNTIME),
        (X86.replace(" avx512_vnni", " avx512f"), {"fpu", "avx2", "avx512f"}, None),
        (ARM, {"fp", "asimd", "asimddp"}, None),
        ("", set(), None),
    ],
)
def test_suggest_runtime_uses_the_flags_of_the_first_processor(
    tmp_path: Path, text: str, flags: set[str], suggested: str | None
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    assert read_cpu_flags(path) == flags
    assert suggest_runtime(read_cpu_flags(path)) == suggested


def test_suggest_runtime_without_cpuinfo_is_none(tmp_path: Path) -> None:
    assert read_cpuinfo(tmp_path / "none") == {}
    assert suggest_runtime(read_cpu_flags(tmp_path / "none")) is None


def test_suggested_runtime_exists() -> None:
    assert DOT_PRODUCT_RUNTIME in list_runtimes()
