"""A peer on grpcio, without generated code: `client PORT` calls a server, `server` is one.

`server CA CERT KEY` speaks TLS only, and only with clients whom that authority knows.

Both speak inboard.testing.v1.ShapesService, and print what they saw as lines of JSON.
"""

import json
import sys
import threading
from concurrent import futures

import grpc

SERVICE = "/inboard.testing.v1.ShapesService/"


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def field(number, value):
    """One field: bytes as they are, integers as varints."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """The last value of each field."""
    found, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        found[tag >> 3] = value
    return found


def request(text, count=0):
    """A request with a sample in field 1 and, where it has one, a count in field 2."""
    return field(1, field(1, text.encode())) + (field(2, count) if count else b"")


def text_of(data, number):
    return fields(fields(data).get(number, b"")).get(1, b"").decode()


def metadata_of(pairs):
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in pairs or () if k.startswith("x-")}


def say(**what):
    print(json.dumps(what), flush=True)


def run_client(port):
    with grpc.insecure_channel("127.0.0.1:" + port) as channel:
        unary = channel.unary_unary(SERVICE + "Unary")
        client_stream = channel.stream_unary(SERVICE + "ClientStream")
        server_stream = channel.unary_stream(SERVICE + "ServerStream")
        bidi = channel.stream_stream(SERVICE + "Bidi")
        sent = (("x-text", "from python"), ("x-bytes-bin", bytes([0, 255, 44])))

        response, call = unary.with_call(request("Größe 🧊"), metadata=sent, timeout=10)
        say(
            unary=text_of(response, 1),
            header=metadata_of(call.initial_metadata()),
            trailer=metadata_of(call.trailing_metadata()),
        )
        response = client_stream(iter([request("a"), request("b")]), timeout=10)
        say(clientStream=fields(response)[1], last=text_of(response, 2))
        say(serverStream=[text_of(r, 2) for r in server_stream(request("s", 3), timeout=10)])
        say(bidi=[text_of(r, 2) for r in bidi(iter([request("x"), request("y")]), timeout=10)])
        large = "0123456789abcdef" * 2**17
        say(large=text_of(unary(request(large), timeout=10), 1) == large)
        squeezed = unary(request(large), timeout=10, compression=grpc.Compression.Gzip)
        say(gzip=text_of(squeezed, 1) == large)
        for text in ("fail", "hang"):
            try:
                unary(request(text), timeout=0.3 if text == "hang" else 10)
            except grpc.RpcError as error:
                say(failed=text, code=error.code().name, details=error.details())
        endless = server_stream(request("endless", 1_000_000))
        next(endless)
        endless.cancel()
        say(cancelled=True)


def headers(context):
    pairs = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-")]
    context.send_initial_metadata(pairs)
    context.set_trailing_metadata(pairs)


def unary(data, context):
    text = text_of(data, 1)
    headers(context)
    if text == "fail":
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "Größe 100% 🧊\n")
    if text == "hang":
        ended = threading.Event()
        context.add_callback(ended.set)
        say(remaining=context.time_remaining())
        say(ended=ended.wait(10))
    return data


def client_stream(requests, context):
    headers(context)
    texts = [text_of(r, 1) for r in requests]
    return field(1, len(texts)) + field(2, field(1, texts[-1].encode()))


def server_stream(data, context):
    headers(context)
    found = fields(data)
    if text_of(data, 1) == "endless":
        context.add_callback(lambda: say(ended=True))
    for index in range(found.get(2, 0)):
        yield field(1, index) + field(2, found[1])


def bidi(requests, context):
    headers(context)
    for index, data in enumerate(requests):
        yield field(1, index) + field(2, fields(data)[1])


def read(path):
    with open(path, "rb") as file:
        return file.read()


def bind(server, files):
    if not files:
        return server.add_insecure_port("127.0.0.1:0")
    ca, cert, key = map(read, files)
    credentials = grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=True)
    return server.add_secure_port("127.0.0.1:0", credentials)


def run_server(files):
    pool = futures.ThreadPoolExecutor(max_workers=8)
    server = grpc.server(pool, compression=grpc.Compression.Gzip)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    name = "inboard.testing.v1.ShapesService"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers)])
    say(port=bind(server, files))
    server.start()
    # Ends with whoever started it.
    sys.stdin.read()
    server.stop(0)


if sys.argv[1] == "server":
    run_server(sys.argv[2:])
else:
    run_client(sys.argv[2])
