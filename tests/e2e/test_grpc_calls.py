# SPDX-License-Identifier: MIT
"""gRPC through the proxy, HTTP/2 on both sides: trailers, streaming both ways, errors, deadlines.

Messages are plain bytes: the wire is what matters here, not what is in it.
"""
import concurrent.futures
import threading

import grpc
import pytest

from lib import net
from lib.net import PortClaim
from lib.server import Joist

SERVICE = "/joist.Test/"
MB = 1 << 20
OPTIONS = [("grpc.max_receive_message_length", 64 * MB), ("grpc.max_send_message_length", 64 * MB),
           ("grpc.enable_http_proxy", 0)]


class Service:
    """Handlers by method name; `gone` is set when a client's cancelling has come through."""

    def __init__(self):
        self.gone = threading.Event()

    def unary(self, request, context):
        context.set_trailing_metadata((("x-sum", str(len(request))), ("x-raw-bin", b"\0\1\xff")))
        context.send_initial_metadata((("x-early", "1"),))
        return request

    def count(self, request, _):
        for i in range(int(request)):
            yield b"%d" % i

    def total(self, requests, _):
        return b"%d" % sum(len(r) for r in requests)

    def talk(self, requests, _):
        yield b"welcome"
        for request in requests:
            yield b"you said " + request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100% \u00fc")

    def forever(self, request, context):
        context.add_callback(self.gone.set)
        yield b"first"
        self.gone.wait(net.PATIENCE_S * 2)

    def slow(self, request, context):
        context.add_callback(self.gone.set)
        self.gone.wait(net.PATIENCE_S * 2)
        return b"late"

    def service(self, details):
        name = details.method.removeprefix(SERVICE)
        make = {"unary": grpc.unary_unary_rpc_method_handler,
                "fail": grpc.unary_unary_rpc_method_handler,
                "slow": grpc.unary_unary_rpc_method_handler,
                "count": grpc.unary_stream_rpc_method_handler,
                "forever": grpc.unary_stream_rpc_method_handler,
                "total": grpc.stream_unary_rpc_method_handler,
                "talk": grpc.stream_stream_rpc_method_handler}.get(name)
        return make(getattr(self, name)) if make else None


@pytest.fixture(scope="module")
def service():
    return Service()


@pytest.fixture(scope="module")
def origin(service):
    handler = type("Handler", (grpc.GenericRpcHandler,),
                   {"service": lambda self, details: service.service(details)})()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), [handler], options=OPTIONS)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    service.gone.set()
    server.stop(None)


@pytest.fixture(scope="module", params=["h2c", "tls"])
def channel(request, origin, pki, tmp_path_factory):
    claim = PortClaim()
    cert = pki.site("localhost", "127.0.0.1")
    secure = request.param == "tls"
    part = f"[listeners.tls]\n{cert.toml()}\n" if secure else ""
    with Joist(tmp_path_factory.mktemp("grpc"), f"""
[[listeners]]
bind = "127.0.0.1:@PORT@"
alpn = ["h2"]
{part}
[upstreams.app]
targets = ["h2c://127.0.0.1:{origin}"]
[[sites]]
proxy = "app"
""") as joist:
        if secure:
            made = grpc.secure_channel(f"localhost:{joist.port}", grpc.ssl_channel_credentials(
                pki.ca.read_bytes()), options=OPTIONS)
        else:
            made = grpc.insecure_channel(f"127.0.0.1:{joist.port}", options=OPTIONS)
        with made:
            yield made
    claim.release()


PATIENCE = net.PATIENCE_S * 2


def test_unary_with_metadata_and_trailers(channel):
    result, call = channel.unary_unary(SERVICE + "unary").with_call(
        b"hello", timeout=PATIENCE, metadata=(("x-mine", "2"), ("x-mine-bin", b"\xff\0")))
    assert result == b"hello"
    assert ("x-early", "1") in call.initial_metadata()
    assert set(call.trailing_metadata()) >= {("x-sum", "5"), ("x-raw-bin", b"\0\1\xff")}


@pytest.mark.parametrize("size", [0, 1, 65535, 5 * MB])
def test_message_of_any_size(channel, size):
    message = bytes(size)
    assert channel.unary_unary(SERVICE + "unary")(message, timeout=PATIENCE) == message


def test_server_streaming(channel):
    got = list(channel.unary_stream(SERVICE + "count")(b"500", timeout=PATIENCE))
    assert got == [b"%d" % i for i in range(500)]


def test_client_streaming(channel):
    total = channel.stream_unary(SERVICE + "total")(
        iter([bytes(10000)] * 100), timeout=PATIENCE)
    assert total == b"1000000"


def test_both_talk_in_turn(channel):
    """Nothing is held back in either direction: each line waits for the other's."""
    said = threading.Semaphore(0)

    def lines():
        for i in range(20):
            assert said.acquire(timeout=PATIENCE)
            yield b"%d" % i
        said.acquire(timeout=PATIENCE)
    heard = []
    for reply in channel.stream_stream(SERVICE + "talk")(lines(), timeout=PATIENCE):
        heard.append(reply)
        said.release()
    assert heard == [b"welcome"] + [b"you said %d" % i for i in range(20)]


def test_error_status_and_message(channel):
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(SERVICE + "fail")(b"x", timeout=PATIENCE)
    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.details() == "not today: 100% \u00fc"


def test_unknown_method(channel):
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(SERVICE + "nothing")(b"x", timeout=PATIENCE)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_cancelling_reaches_the_origin(channel, service):
    service.gone.clear()
    call = channel.unary_stream(SERVICE + "forever")(b"x", timeout=PATIENCE)
    assert next(iter(call)) == b"first"
    call.cancel()
    assert service.gone.wait(PATIENCE)


def test_deadline_reaches_the_origin(channel, service):
    service.gone.clear()
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(SERVICE + "slow")(b"x", timeout=0.3)
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.gone.wait(PATIENCE)


def test_many_calls_at_once(channel):
    call = channel.unary_unary(SERVICE + "unary")
    futures = [call.future(b"%d" % i, timeout=PATIENCE) for i in range(200)]
    assert [f.result() for f in futures] == [b"%d" % i for i in range(200)]
