"""What ringers and workers agree on, and what becomes of a dispatcher when the broker does not
answer."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mm.errors import InvalidInput, Unavailable
from mm.runtimes import count_usable_cores
from mm.settings import Settings
from tests.workers.broker import Broker
from workers.app import CHILD_KIBIBYTES, GPU_PROCESSES, create_app
from workers.messaging import broker as agreement
from workers.messaging.broker import VISIBILITY_SECONDS, create_broker
from workers.messaging.dispatch import Dispatcher, tolerate_broker_failure


def test_a_task_is_acknowledged_when_it_is_done_and_taken_one_at_a_time(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url))
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert (app.conf.worker_pool, app.conf.worker_concurrency) == ("prefork", 1)


def test_a_worker_is_replaced_when_it_has_grown_unless_it_holds_a_larger_space(broker: Broker) -> None:
    settings = Settings(broker_url=broker.url)
    assert create_app(settings).conf.worker_max_memory_per_child == CHILD_KIBIBYTES
    assert create_app(settings, larger=True).conf.worker_max_memory_per_child is None
    assert CHILD_KIBIBYTES << 10 < 2 << 30


def test_a_worker_with_a_gpu_takes_several_chunks_and_is_not_replaced_for_the_size_of_torch(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url, runtime="cuda"))
    assert app.conf.worker_concurrency == max(1, min(count_usable_cores() // 2, GPU_PROCESSES))
    assert app.conf.worker_max_memory_per_child is None
    assert create_app(Settings(broker_url=broker.url, processes=3)).conf.worker_concurrency == 3


def test_the_visibility_timeout_holds_in_all_three_places(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url))
    assert app.conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS
    assert app.conf.result_backend_transport_options["visibility_timeout"] == VISIBILITY_SECONDS
    assert app.conf.visibility_timeout == VISIBILITY_SECONDS
    with app.connection_for_write() as connection:
        assert connection.default_channel.visibility_timeout == VISIBILITY_SECONDS, "what the transport really uses"


def test_only_json_is_read(broker: Broker) -> None:
    app = create_broker(Settings(broker_url=broker.url))
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result


def test_without_a_broker_url_nothing_rings() -> None:
    with pytest.raises(Unavailable, match="MM_BROKER_URL"):
        create_app(Settings())
    with pytest.raises(Unavailable, match="MM_BROKER_URL"):
        Dispatcher(Settings()).dispatch()


def test_a_bell_rings_again_when_the_broker_is_back(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    dispatcher.dispatch()
    dispatcher.dispatch(3)
    assert dispatcher.count_waiting() == 4
    broker.stop()
    for ring in (dispatcher.dispatch, lambda: dispatcher.ping(1.0), dispatcher.count_waiting):
        with pytest.raises(Unavailable, match="does not answer"):
            ring()
    with tolerate_broker_failure():
        dispatcher.dispatch()
    broker.start()
    broker.empty()
    dispatcher.dispatch()
    assert dispatcher.count_waiting() == 1
    dispatcher.close()


def test_a_broker_that_takes_the_call_and_says_nothing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "REPLY_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        dispatcher = Dispatcher(Settings(broker_url=f"redis://127.0.0.1:{mute.getsockname()[1]}/0"))
        with pytest.raises(Unavailable, match="does not answer"):
            dispatcher.dispatch()
        with pytest.raises(Unavailable, match="does not answer"):
            dispatcher.count_waiting()
        dispatcher.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3#cret@host:6379/0",
        "redis://:x@host:s3cret/0",
        "redis://:s3cret@[::1",
        "amqp://s3cret@host",
        "s3cret",
        "redis://",
    ],
)
def test_a_url_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput, match="MM_BROKER_URL is no redis://") as error:
        Dispatcher(Settings(broker_url=url))
    assert "s3" not in str(error.value)


def test_a_broker_that_is_full_is_unavailable_and_says_why(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    dispatcher.dispatch()
    with broker.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(Unavailable, match="no memory left"):
        dispatcher.dispatch()
    assert dispatcher.count_waiting() == 1
    dispatcher.close()


def test_an_address_that_is_none_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        Dispatcher(Settings(broker_url="redis://127.0.0.1:1/0")).dispatch()
