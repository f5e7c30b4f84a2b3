"""Known vulnerabilities of the decoder, by its version."""

from __future__ import annotations

import pytest

from mm.media.sandbox.advisories import ffmpeg_version, known_vulnerabilities, libavcodec_version


def test_known_vulnerabilities_of_the_installed_release_is_empty() -> None:
    assert libavcodec_version() >= (62, 28, 102)
    assert ffmpeg_version().startswith("8.")
    assert known_vulnerabilities() == []


@pytest.mark.parametrize("version", ["8.1.2", "8.1.3", "8.0.3", "7.1.5", "8.2", "n8.2-dev", "9.0.1"])
def test_known_vulnerabilities_of_a_fixed_release_is_empty(version: str) -> None:
    assert known_vulnerabilities(version) == []


@pytest.mark.parametrize("version", ["8.1.1", "8.1", "8.0", "8.0.2", "7.1.4", "7.0.9", "6.1.2", "4.4"])
def test_known_vulnerabilities_of_an_affected_release_names_the_cve(version: str) -> None:
    (sentence,) = known_vulnerabilities(version)
    assert version in sentence
    assert "CVE-2026-8461" in sentence


def test_known_vulnerabilities_of_an_unparsable_version_reports_it_as_unknown() -> None:
    (sentence,) = known_vulnerabilities("N-119000-gabcdef")
    assert "is unknown" in sentence
