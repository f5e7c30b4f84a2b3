"""Webhook: signature, statuses, a receiver that is down."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from mm.errors import InvalidInput
from mm.line.sinks.sink import DeliveryFailed, DeliveryRefused
from mm.line.sinks.webhook import WebhookSink
from mm.webhooks.signing import parse_secret, sign
from tests.line.parts import RECORD
from tests.receiver import Receiver, run_receiver

SECRET = b"0123456789abcdef01234567"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as state:
        yield state


def test_sign_specification_example_has_the_published_signature() -> None:
    """The example of the Standard Webhooks reference libraries."""
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_webhook_verdict_is_posted_with_a_valid_signature(receiver: Receiver) -> None:
    sink = WebhookSink(receiver.url, SECRET, clock=lambda: 1_700_000_000.9)
    sink.deliver(RECORD)
    sink.close()
    ((headers, body),) = receiver.requests
    assert headers["webhook-id"] == "press:part-1"
    assert headers["webhook-signature"] == sign(SECRET, "press:part-1", 1_700_000_000, body)
    data = json.loads(body)["data"]
    assert data["verdict"] == "FAIL"
    assert data["reject"] is True
    assert data["regions"][0]["kind"] == "spot"


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
def test_webhook_status_about_the_receiver_is_retried(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    sink = WebhookSink(receiver.url, SECRET)
    with pytest.raises(DeliveryFailed, match=str(status)):
        sink.deliver(RECORD)
    sink.deliver(RECORD)
    sink.close()
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert len(receiver.requests) == 2


def test_webhook_status_about_the_verdict_is_a_refusal(receiver: Receiver) -> None:
    receiver.statuses = [422]
    sink = WebhookSink(receiver.url, SECRET)
    with pytest.raises(DeliveryRefused, match="422"):
        sink.deliver(RECORD)
    sink.close()


def test_webhook_receiver_that_is_down_is_retried() -> None:
    sink = WebhookSink("http://127.0.0.1:9/hook", SECRET, timeout=2.0)
    with pytest.raises(DeliveryFailed, match="does not respond"):
        sink.deliver(RECORD)
    sink.close()


@pytest.mark.parametrize("url", ["ftp://host/x", "host/x", "http://"])
def test_webhook_other_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        WebhookSink(url, SECRET)


@pytest.mark.parametrize("text", ["whsec_***", base64.b64encode(b"short").decode()])
def test_parse_secret_malformed_or_short_secret_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_secret(text)
