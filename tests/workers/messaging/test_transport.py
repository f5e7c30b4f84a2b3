"""The BRPOP of a worker: `close` ends it at once and loses no message."""

from __future__ import annotations

from queue import Empty

import pytest
import redis
from kombu import Connection
from kombu.utils.eventio import poll

from mm.settings import Settings
from tests.workers.broker import Broker
from workers.app import create_app
from workers.messaging.broker import create_broker
from workers.messaging.dispatch import Dispatcher
from workers.messaging.messages import QUEUE
from workers.messaging.transport import BLOCK_SECONDS, NAME, Channel, Transport


def create_blocked_channel(connection: Connection) -> Channel:
    """A channel with a pending BRPOP."""
    channel = connection.default_channel
    channel.basic_consume(QUEUE, no_ack=False, callback=lambda message: None, consumer_tag="test")
    channel.queue_declare(QUEUE)
    channel.connection.cycle.on_poll_start()
    assert channel._in_poll
    return channel


def consumer(broker: Broker) -> Connection:
    return create_broker(Settings(broker_url=broker.url), consumer=True).connection_for_read()


def test_transport_is_used_by_workers_only(broker: Broker) -> None:
    settings = Settings(broker_url=broker.url)
    assert create_app(settings).conf.broker_transport == NAME
    assert create_broker(settings).conf.broker_transport is None
    assert isinstance(consumer(broker).transport, Transport)


def test_channel_close_during_brpop_does_not_wait_for_the_timeout(broker: Broker) -> None:
    connection = consumer(broker)
    channel = create_blocked_channel(connection)
    replies: list[object] = []
    read = channel._brpop_read

    def record_and_read() -> None:
        # If the reply has arrived, reading it does not block.
        replies.append(channel.client.connection.can_read(timeout=BLOCK_SECONDS / 2))
        read()

    channel._brpop_read = record_and_read
    channel.close()
    assert replies == [True]
    connection.release()


def test_channel_close_during_brpop_loses_no_message(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    for _ in range(20):
        connection = consumer(broker)
        channel = create_blocked_channel(connection)
        dispatcher.ping(60.0)
        channel.close()
        connection.release()
        assert dispatcher.count_waiting() == 1
        broker.empty()
    dispatcher.close()


def test_channel_new_connection_has_a_new_client_id(broker: Broker) -> None:
    connection = consumer(broker)
    channel = create_blocked_channel(connection)
    before = channel._client_id
    channel._unblock()
    with pytest.raises(Empty):
        channel._brpop_read()
    channel.client.connection.disconnect()
    channel.connection.cycle.on_poll_start()
    assert channel._client_id != before
    channel.close()
    connection.release()


def test_channel_close_without_client_id_waits_for_the_timeout(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "brpop_timeout", 1)
    with redis.Redis.from_url(broker.url) as client:
        client.execute_command("ACL", "SETUSER", "limited", "on", ">word", "~*", "&*", "+@all", "-client|id", "-client|unblock")
    limited = broker.url.replace("redis://", "redis://limited:word@")
    connection = create_broker(Settings(broker_url=limited), consumer=True).connection_for_read()
    channel = create_blocked_channel(connection)
    assert channel._client_id == 0
    channel.close()
    connection.release()


class Timer:
    """A timer of a loop, and whether it is active."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_active = True

    def cancel(self) -> None:
        self.is_active = False


class Loop:
    """Event loop that records the timers of a transport."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.poller = poll()
        self.on_tick: set[object] = set()

    def call_repeatedly(self, seconds: float, *call: object) -> Timer:
        self.timers.append(Timer(seconds))
        return self.timers[-1]

    def add_reader(self, *reader: object) -> None:
        pass

    remove_reader = add_reader


def test_transport_event_loop_has_no_timer_under_10_seconds(broker: Broker) -> None:
    connection, loop = consumer(broker), Loop()
    connection.default_channel.queue_declare(QUEUE)
    connection.transport.register_with_event_loop(connection.connection, loop)
    intervals = [timer.seconds for timer in loop.timers if timer.is_active]
    assert intervals
    assert min(intervals) >= 10
    connection.release()
