"""Features of the processor, and the runtime they suggest when nothing was measured."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
DOT_PRODUCT_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Flags of x86 for dot products of 8-bit integers; with any of them 8 bits are at least twice as
fast as float32."""
DOT_PRODUCT_RUNTIME = "onnxruntime-int8"
"""Nearly the fastest on such processors; it loads faster and needs less memory, see decision
0009."""


def read_cpuinfo(path: Path = CPUINFO) -> dict[str, str]:
    """The fields of the first processor in /proc/cpuinfo; empty when there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}


def read_cpu_flags(path: Path = CPUINFO) -> frozenset[str]:
    """The names of the instruction sets, as Linux spells them; empty on other systems."""
    fields = read_cpuinfo(path)
    return frozenset((fields.get("flags") or fields.get("Features") or "").split())


def has_dot_products(flags: frozenset[str]) -> bool:
    """Whether a processor with these flags has dot products of 8-bit integers."""
    return bool(flags & DOT_PRODUCT_FLAGS)


def suggest_runtime(flags: frozenset[str]) -> str | None:
    """The runtime for a processor with these flags; None when a measurement must decide.

    On ARM and on x86 without dot products the vectors of 8 bits were never compared with those of
    float32.
    """
    return DOT_PRODUCT_RUNTIME if has_dot_products(flags) else None
