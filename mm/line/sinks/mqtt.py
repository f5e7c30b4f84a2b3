"""MQTT 3.1.1: each verdict is published as JSON with quality of service 1, through paho-mqtt."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from mm.errors import InvalidInput
from mm.line.sinks.sink import DeliveryFailed

if TYPE_CHECKING:
    from mm.line.types import PartRecord

TIMEOUT_SECONDS = 10.0
PORTS = {"mqtt": 1883, "mqtts": 8883}
FORM = "write mqtt://USER:PASSWORD@HOST:PORT/TOPIC, or mqtts:// for TLS"


class MqttSink:
    """Publishes to one topic and returns when the broker has acknowledged it.

    Raises `InvalidInput` for another address.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        self._topic = unquote(parts.path.lstrip("/"))
        if parts.scheme not in PORTS or not parts.hostname or not self._topic or set("+#\0") & set(self._topic):
            raise InvalidInput(f"The address of the MQTT sink is invalid: {FORM}, where the topic has no + or #.")
        self._timeout = timeout
        self._host, self._port, self._is_tls = parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "mqtts"
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._client: Client | None = None
        self.name = f"mqtt:{hashlib.sha256(f'{self._host}:{self._port}/{self._topic}'.encode()).hexdigest()[:12]}"

    def deliver(self, record: PartRecord) -> None:
        payload = json.dumps(record.as_json(), separators=(",", ":")).encode()
        try:
            client = self._client or self._connect()
            message = client.publish(self._topic, payload, qos=1)
            message.wait_for_publish(self._timeout)
            is_published = message.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            raise DeliveryFailed(f"The MQTT broker at {self._host} does not respond: {error}.") from error
        if not is_published:
            self.close()
            raise DeliveryFailed(f"The MQTT broker at {self._host} did not acknowledge within {self._timeout:g} s.")

    def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            client.disconnect()
            client.loop_stop()

    def _connect(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id="", clean_session=True)
        if self._user:
            client.username_pw_set(self._user, self._password)
        if self._is_tls:
            client.tls_set_context(ssl.create_default_context())
        connected, refusals = threading.Event(), list[str]()

        def on_connect(client: Client, userdata: object, flags: object, reason: object, properties: object) -> None:
            if getattr(reason, "is_failure", False):
                refusals.append(str(reason))
            connected.set()

        client.on_connect = on_connect
        client.connect_timeout = self._timeout
        client.connect(self._host, self._port)
        client.loop_start()
        if not connected.wait(self._timeout) or refusals:
            client.disconnect()
            client.loop_stop()
            raise OSError(refusals[0] if refusals else "no response to the connection")
        self._client = client
        return client
