"""OPC UA sink against a server in this process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mm.errors import InvalidInput
from mm.line.sinks.opcua import NODES, OpcuaSink
from mm.line.sinks.sink import DeliveryFailed
from tests.line.parts import RECORD

ua = pytest.importorskip("asyncua.ua")
sync = pytest.importorskip("asyncua.sync")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
DEFAULTS = {"Part": "", "Verdict": "", "Reject": False, "Score": 0.0}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, object]]]:
    """Address of a server, and its variables by name."""
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    with sync.ThreadLoop() as loop:
        server = sync.Server(tloop=loop)
        server.set_endpoint(url)
        server.register_namespace("plant")
        parent = server.nodes.objects.add_object(ua.NodeId("Line1", 2), "2:Line1")
        nodes = {}
        for name in NODES:
            value = ua.Variant(DEFAULTS.get(name, 0), None if name in DEFAULTS else ua.VariantType.Int64)
            nodes[name] = parent.add_variable(ua.NodeId(f"Line1.{name}", 2), f"2:{name}", value)
            nodes[name].set_writable()
        server.start()
        yield url, nodes
        server.stop()


def test_opcua_verdict_is_written_to_its_variables(server: tuple[str, dict[str, object]]) -> None:
    url, nodes = server
    sink = OpcuaSink(url, "ns=2;s=Line1")
    for sequence in (7, 8):
        sink.deliver(replace(RECORD, sequence=sequence))
        values = {name: node.read_value() for name, node in nodes.items()}  # type: ignore[attr-defined]
        assert values == {"Part": "part-1", "Verdict": "FAIL", "Reject": True, "Score": 1.25, "Sequence": sequence}
    sink.close()


def test_opcua_unknown_variable_is_retried(server: tuple[str, dict[str, object]]) -> None:
    sink = OpcuaSink(server[0], "ns=2;s=Line2")
    with pytest.raises(DeliveryFailed, match="Bad"):
        sink.deliver(RECORD)


def test_opcua_server_that_is_down_is_retried() -> None:
    sink = OpcuaSink(f"opc.tcp://127.0.0.1:{free_port()}", "ns=2;s=Line1", timeout=1.0)
    with pytest.raises(DeliveryFailed):
        sink.deliver(RECORD)


@pytest.mark.parametrize(("url", "prefix"), [("http://h", "ns=2;s=L"), ("opc.tcp://", "ns=2;s=L"), ("opc.tcp://h", "Line1")])
def test_opcua_invalid_address_or_prefix_is_refused(url: str, prefix: str) -> None:
    with pytest.raises(InvalidInput):
        OpcuaSink(url, prefix)
