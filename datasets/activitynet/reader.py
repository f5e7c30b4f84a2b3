"""Reads ActivityNet in the layouts that `mm.data.activitynet.layout` accepts. Loaded by path."""

from __future__ import annotations

from mm.data.activitynet.layout import check, read

__all__ = ["check", "read"]
