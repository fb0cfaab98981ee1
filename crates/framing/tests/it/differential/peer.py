"""Runs streams through Twisted's receivers and through h11.

A request is a line of JSON on stdin, an answer a line of JSON on stdout, in order:

    {"peer": NAME, "limit": N, "delimiter": HEX, "chunks": [HEX, ...]}
        -> {"frames": [HEX, ...], "fault": TEXT or null, "rest": N}
    {"peer": NAME, "delimiter": HEX, "send": [HEX, ...]}
        -> {"wire": HEX}

"rest" is what follows a chunked body. The argument names the package that is needed; the first line
that is written says whether it is there: {"version": TEXT} or {"missing": TEXT}.
"""

import importlib
import importlib.metadata
import json
import sys


class Transport:
    """What the receivers of Twisted want to know of a connection."""

    def __init__(self):
        self.disconnecting = False
        self.written = b""

    def write(self, data):
        self.written += data

    def loseConnection(self):
        self.disconnecting = True


def twisted_peer(request):
    from twisted.protocols import basic

    base = getattr(basic, request["peer"])
    frames = []

    class Receiver(base):
        MAX_LENGTH = request.get("limit", 99999)
        delimiter = bytes.fromhex(request.get("delimiter", "0d0a"))

        def stringReceived(self, string):
            frames.append(string.hex())

        lineReceived = stringReceived

    receiver = Receiver()
    transport = Transport()
    receiver.makeConnection(transport)
    if "send" in request:
        send = getattr(receiver, "sendString", None) or receiver.sendLine
        for payload in request["send"]:
            send(bytes.fromhex(payload))
        return {"wire": transport.written.hex()}
    for chunk in request["chunks"]:
        receiver.dataReceived(bytes.fromhex(chunk))
        if transport.disconnecting:
            return {"frames": frames, "fault": "the connection was given up", "rest": 0}
    return {"frames": frames, "fault": None, "rest": 0}


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def h11_peer(request):
    import h11

    if "send" in request:
        return h11_send(h11, request)
    frames = []
    chunked = request["peer"] == "h11-chunked"
    connection = h11.Connection(h11.SERVER)
    chunks = [bytes.fromhex(chunk) for chunk in request["chunks"]]
    if chunked:
        connection.receive_data(CHUNKED)
    body = b""
    rest = 0
    try:
        for position, chunk in enumerate(chunks + [b""]):
            connection.receive_data(chunk)
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                    break
                if isinstance(event, h11.Data):
                    body += event.data
                if not isinstance(event, h11.EndOfMessage):
                    continue
                frames.append(body.hex())
                body = b""
                if chunked:
                    behind = chunks[position + 1 :]
                    rest = len(connection.trailing_data[0]) + sum(map(len, behind))
                    return {"frames": frames, "fault": None, "rest": rest}
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        return {"frames": frames, "fault": str(error), "rest": rest}
    return {"frames": frames, "fault": None, "rest": rest}


def h11_send(h11, request):
    """Bodies as h11 writes them: of chunked ones all but the head."""
    payloads = [bytes.fromhex(payload) for payload in request["send"]]
    connection = h11.Connection(h11.CLIENT)
    if request["peer"] == "h11-chunked":
        length = ("Transfer-Encoding", "chunked")
    else:
        length = ("Content-Length", str(sum(map(len, payloads))))
    head = connection.send(
        h11.Request(method="POST", target="/", headers=[("Host", "a"), length])
    )
    wire = b"".join(connection.send(h11.Data(data=payload)) for payload in payloads)
    wire += connection.send(h11.EndOfMessage())
    if request["peer"] == "h11-chunked":
        return {"wire": wire.hex()}
    return {"wire": (head + wire).hex()}


# Before, h11 took any two bytes behind a chunk (CVE-2025-43859).
OLDEST = {"h11": (0, 16), "twisted": (0, 0)}


def main():
    package = sys.argv[1]
    try:
        importlib.import_module(package)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    version = importlib.metadata.version(package)
    if tuple(int(number) for number in version.split(".")[:2]) < OLDEST[package]:
        print(json.dumps({"missing": "version " + version + " is too old"}), flush=True)
        return
    print(json.dumps({"version": version}), flush=True)
    peer = {"twisted": twisted_peer, "h11": h11_peer}[package]
    for line in sys.stdin:
        print(json.dumps(peer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
