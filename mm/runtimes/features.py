"""What the processor says that it can do, and which runtime that suggests where nothing was
measured."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
DOT_PRODUCT_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Flags of x86 for dot products of 8-bit integers, any of which makes 8 bits at least twice as fast
as float32."""
DOT_PRODUCT_RUNTIME = "onnxruntime-int8"
"""Nearly as fast as the fastest on such processors; it loads sooner and holds less memory, see
decision 0009."""


def read_cpuinfo(path: Path = CPUINFO) -> dict[str, str]:
    """The lines of the first processor in /proc/cpuinfo; empty where there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}


def read_cpu_flags(path: Path = CPUINFO) -> frozenset[str]:
    """The names of its instruction sets, as Linux writes them; empty elsewhere."""
    fields = read_cpuinfo(path)
    return frozenset((fields.get("flags") or fields.get("Features") or "").split())


def suggest_runtime(flags: frozenset[str]) -> str | None:
    """The runtime for a processor with these flags, None where only measuring can tell.

    On ARM and on x86 without dot products the vectors of 8 bits were not compared with those of
    float32 beforehand, so that nothing is suggested.
    """
    return DOT_PRODUCT_RUNTIME if flags & DOT_PRODUCT_FLAGS else None
