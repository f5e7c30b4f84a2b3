"""Addresses of services."""

from __future__ import annotations

import ssl

import pytest

from mm.client.transport import Address


@pytest.mark.parametrize("url", ["http://127.0.0.1:8321", "http://localhost:8321", "http://[::1]:8321"])
def test_address_of_this_machine_without_tls_reads_no_certificates(url: str) -> None:
    verify = Address.parse(url, 1.0).verify
    assert isinstance(verify, ssl.SSLContext)
    assert verify.get_ca_certs() == []
    assert verify.verify_mode == ssl.CERT_REQUIRED  # a server with TLS would be refused


@pytest.mark.parametrize("url", ["https://127.0.0.1:8321", "https://example.org", "http://example.org"])
def test_address_with_tls_or_a_proxy_verifies_by_the_certificates_of_the_system(url: str) -> None:
    assert Address.parse(url, 1.0).verify is True
