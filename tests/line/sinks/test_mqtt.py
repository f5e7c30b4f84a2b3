"""MQTT sink against a broker of a few packets (MQTT 3.1.1, section 3)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mm.errors import InvalidInput
from mm.line.sinks.mqtt import MqttSink
from mm.line.sinks.sink import DeliveryFailed
from tests.line.parts import RECORD

CONNECT, PUBLISH, DISCONNECT = 1, 3, 14


@dataclass
class Broker:
    """Accepts connections one after another; acknowledges publications unless `is_silent`."""

    listener: socket.socket
    connect_code: int = 0
    is_silent: bool = False
    published: list[tuple[str, int, bytes]] = field(default_factory=list)  # topic, quality of service, payload

    @property
    def url(self) -> str:
        return f"mqtt://user:p%40ss@127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while packet := _read_packet(stream):
                    self._answer(connection, *packet)

    def _answer(self, connection: socket.socket, head: int, body: bytes) -> None:
        if head >> 4 == CONNECT:
            assert b"p@ss" in body
            connection.sendall(bytes([0x20, 2, 0, self.connect_code]))
        elif head >> 4 == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            topic, packet_id = body[2 : 2 + size].decode(), body[2 + size : 4 + size]
            self.published.append((topic, head >> 1 & 3, body[4 + size :]))
            if not self.is_silent:
                connection.sendall(bytes([0x40, 2]) + packet_id)


def _read_packet(stream: object) -> tuple[int, bytes] | None:
    read = stream.read  # type: ignore[attr-defined]
    head = read(1)
    if not head:
        return None
    size, shift = 0, 0
    while True:
        byte = read(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head[0], read(size)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = Broker(listener)
        thread = threading.Thread(target=state.serve)
        thread.start()
        yield state
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_mqtt_verdict_is_published_with_acknowledgement(broker: Broker) -> None:
    sink = MqttSink(f"{broker.url}/plant/press/parts")
    sink.deliver(RECORD)
    sink.deliver(RECORD)
    sink.close()
    topic, quality, payload = broker.published[0]
    assert (topic, quality, len(broker.published)) == ("plant/press/parts", 1, 2)
    assert json.loads(payload)["part"] == RECORD.part


def test_mqtt_broker_without_acknowledgement_is_retried(broker: Broker) -> None:
    broker.is_silent = True
    sink = MqttSink(f"{broker.url}/parts", timeout=0.3)
    with pytest.raises(DeliveryFailed):
        sink.deliver(RECORD)
    broker.is_silent = False
    sink.deliver(RECORD)
    sink.close()


def test_mqtt_refused_connection_is_retried(broker: Broker) -> None:
    broker.connect_code = 5  # not authorized
    sink = MqttSink(f"{broker.url}/parts", timeout=5.0)
    with pytest.raises(DeliveryFailed, match=r"(?i)authori"):
        sink.deliver(RECORD)
    sink.close()


def test_mqtt_broker_that_is_down_is_retried() -> None:
    sink = MqttSink("mqtt://127.0.0.1:9/parts", timeout=1.0)
    with pytest.raises(DeliveryFailed):
        sink.deliver(RECORD)


def test_mqtt_name_of_the_sink_has_no_password(broker: Broker) -> None:
    assert "p@ss" not in MqttSink(f"{broker.url}/parts").name


@pytest.mark.parametrize("url", ["http://h/t", "mqtt://h", "mqtt://h/a/+/b", "mqtt:///t"])
def test_mqtt_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        MqttSink(url)
