"""Celery configuration, and the dispatcher when the broker does not respond."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mm.errors import InvalidInput, Unavailable
from mm.runtimes import count_usable_cores
from mm.settings import Settings
from tests.workers.broker import Broker
from workers.app import CHILD_KIBIBYTES, GPU_PROCESSES, create_app
from workers.messaging import broker as broker_module
from workers.messaging.broker import VISIBILITY_SECONDS, create_broker
from workers.messaging.dispatch import Dispatcher, tolerate_broker_failure


def test_create_app_acknowledges_late_and_prefetches_one_message(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url))
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert (app.conf.worker_pool, app.conf.worker_concurrency) == ("prefork", 1)


def test_create_app_limits_memory_except_with_a_larger_space(broker: Broker) -> None:
    settings = Settings(broker_url=broker.url)
    assert create_app(settings).conf.worker_max_memory_per_child == CHILD_KIBIBYTES
    assert create_app(settings, larger=True).conf.worker_max_memory_per_child is None
    assert CHILD_KIBIBYTES << 10 < 2 << 30


def test_create_app_with_a_gpu_has_several_processes_and_no_memory_limit(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url, runtime="cuda"))
    assert app.conf.worker_concurrency == max(1, min(count_usable_cores() // 2, GPU_PROCESSES))
    assert app.conf.worker_max_memory_per_child is None
    assert create_app(Settings(broker_url=broker.url, processes=3)).conf.worker_concurrency == 3


def test_create_app_sets_the_visibility_timeout_in_all_three_places(broker: Broker) -> None:
    app = create_app(Settings(broker_url=broker.url))
    assert app.conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS
    assert app.conf.result_backend_transport_options["visibility_timeout"] == VISIBILITY_SECONDS
    assert app.conf.visibility_timeout == VISIBILITY_SECONDS
    with app.connection_for_write() as connection:
        assert connection.default_channel.visibility_timeout == VISIBILITY_SECONDS, "the value that the transport uses"


def test_create_broker_accepts_only_json(broker: Broker) -> None:
    app = create_broker(Settings(broker_url=broker.url))
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result


def test_dispatcher_without_a_broker_url_raises_unavailable() -> None:
    with pytest.raises(Unavailable, match="MM_BROKER_URL"):
        create_app(Settings())
    with pytest.raises(Unavailable, match="MM_BROKER_URL"):
        Dispatcher(Settings()).dispatch()


def test_dispatcher_dispatches_again_after_a_broker_restart(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    dispatcher.dispatch()
    dispatcher.dispatch(3)
    assert dispatcher.count_waiting() == 4
    broker.stop()
    for send in (dispatcher.dispatch, lambda: dispatcher.ping(1.0), dispatcher.count_waiting):
        with pytest.raises(Unavailable, match="does not respond"):
            send()
    with tolerate_broker_failure():
        dispatcher.dispatch()
    broker.start()
    broker.empty()
    dispatcher.dispatch()
    assert dispatcher.count_waiting() == 1
    dispatcher.close()


def test_dispatcher_broker_that_accepts_but_never_replies_raises_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "REPLY_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent_listener:
        dispatcher = Dispatcher(Settings(broker_url=f"redis://127.0.0.1:{silent_listener.getsockname()[1]}/0"))
        with pytest.raises(Unavailable, match="does not respond"):
            dispatcher.dispatch()
        with pytest.raises(Unavailable, match="does not respond"):
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
def test_dispatcher_invalid_url_raises_invalid_input_without_the_url(url: str) -> None:
    with pytest.raises(InvalidInput, match="MM_BROKER_URL is not a redis://") as error:
        Dispatcher(Settings(broker_url=url))
    assert "s3" not in str(error.value)


def test_dispatcher_broker_without_memory_raises_unavailable_with_the_reason(broker: Broker) -> None:
    dispatcher = Dispatcher(Settings(broker_url=broker.url))
    dispatcher.dispatch()
    with broker.client() as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(Unavailable, match="no memory left"):
        dispatcher.dispatch()
    assert dispatcher.count_waiting() == 1
    dispatcher.close()


def test_dispatcher_unreachable_address_raises_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not respond"):
        Dispatcher(Settings(broker_url="redis://127.0.0.1:1/0")).dispatch()
