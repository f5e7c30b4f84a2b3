"""A worker's wait for messages: one long request to the broker, which a stop ends at once and which
loses nothing."""

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


def blocked(connection: Connection) -> Channel:
    """A channel of which a BRPOP is under way."""
    channel = connection.default_channel
    channel.basic_consume(QUEUE, no_ack=False, callback=lambda message: None, consumer_tag="test")
    channel.queue_declare(QUEUE)
    channel.connection.cycle.on_poll_start()
    assert channel._in_poll
    return channel


def consumer(broker: Broker) -> Connection:
    return create_broker(Settings(broker_url=broker.url), consumer=True).connection_for_read()


def test_transport_is_that_of_workers_alone(broker: Broker) -> None:
    settings = Settings(broker_url=broker.url)
    assert create_app(settings).conf.broker_transport == NAME
    assert create_broker(settings).conf.broker_transport is None
    assert isinstance(consumer(broker).transport, Transport)


def test_close_of_a_channel_that_waits_does_not_wait_for_the_timeout(broker: Broker) -> None:
    connection = consumer(broker)
    channel = blocked(connection)
    replies: list[object] = []
    read = channel._brpop_read

    def noted() -> None:
        # With the reply there already, reading it blocks for no time at all.
        replies.append(channel.client.connection.can_read(timeout=BLOCK_SECONDS / 2))
        read()

    channel._brpop_read = noted
    channel.close()
    assert replies == [True]
    connection.release()


def test_close_of_a_channel_loses_no_message(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    for _ in range(20):
        connection = consumer(broker)
        channel = blocked(connection)
        dispatcher.ping(60.0)
        channel.close()
        connection.release()
        assert dispatcher.count_waiting() == 1
        broker.empty()
    dispatcher.close()


def test_a_connection_that_was_made_anew_has_its_own_number(broker: Broker) -> None:
    connection = consumer(broker)
    channel = blocked(connection)
    before = channel._number
    channel._unblock()
    with pytest.raises(Empty):
        channel._brpop_read()
    channel.client.connection.disconnect()
    channel.connection.cycle.on_poll_start()
    assert channel._number != before
    channel.close()
    connection.release()


def test_a_broker_that_tells_no_number_is_waited_for(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "brpop_timeout", 1)
    with redis.Redis.from_url(broker.url) as client:
        client.execute_command("ACL", "SETUSER", "limited", "on", ">word", "~*", "&*", "+@all", "-client|id", "-client|unblock")
    limited = broker.url.replace("redis://", "redis://limited:word@")
    connection = create_broker(Settings(broker_url=limited), consumer=True).connection_for_read()
    channel = blocked(connection)
    assert channel._number == 0
    channel.close()
    connection.release()


class Timer:
    """One of a loop, and whether it still runs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.runs = True

    def cancel(self) -> None:
        self.runs = False


class Loop:
    """Notes the timers that a transport asks for."""

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


def test_no_timer_of_the_transport_runs_every_few_seconds(broker: Broker) -> None:
    connection, loop = consumer(broker), Loop()
    connection.default_channel.queue_declare(QUEUE)
    connection.transport.register_with_event_loop(connection.connection, loop)
    intervals = [timer.seconds for timer in loop.timers if timer.runs]
    assert intervals
    assert min(intervals) >= 10
    connection.release()
