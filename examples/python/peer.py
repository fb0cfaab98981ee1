"""A whole client of framing-server, with nothing but Python's standard library.

    peer.py HOST:PORT SERVER.pem CLIENT.pem upper TEXT | get PATH | exec PROGRAM ARGUMENT...

SERVER.pem: `framing-server fingerprint --certificate`; no other key is spoken to. CLIENT.pem: a key and its certificate,
such as ~/.config/framing/client.pem. Its name for `framing-server authorize` is SHA256: and, without the =, what this shows:

    openssl x509 -in CLIENT.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl sha256 -binary | base64
"""
import json, socket, ssl, struct, sys

class Peer:
    def __init__(self, address, server, client):
        host, port = address.rsplit(":", 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which verifies the certificate, and the name in it
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(server)
        context.load_cert_chain(client)
        context.set_alpn_protocols(["framing/1"])
        self.tls = context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="framing")
        self.stream, self.ids = self.tls.makefile("rb"), 0
        self.send({"type": "hello", "version": 1, "agent": "peer.py"})
        self.receive()  # the welcome

    def send(self, header, body=b""):
        header = json.dumps(header).encode()
        self.tls.sendall(struct.pack(">IQ", len(header), len(body)) + header + body)

    def receive(self):
        lengths = self.stream.read(12)
        if len(lengths) < 12:
            raise EOFError("the server ended the connection")
        header, body = struct.unpack(">IQ", lengths)
        message, body = json.loads(self.stream.read(header)), self.stream.read(body)
        if message["type"] == "error":
            sys.exit(f'{message["code"]}: {message["message"]}\n{message.get("hint", "")}'.rstrip())
        if message["type"] == "ping":
            self.send({"type": "pong", "id": message["id"]})
        return message, body

    def ask(self, kind, last, body=b"", **fields):
        self.ids += 1
        self.send({"type": kind, "id": self.ids, **fields}, body)
        kind = None
        while kind != last:
            message, body = self.receive()
            kind = message["type"]
            if message.get("id") == self.ids and kind != "ping":
                yield message, body


if __name__ == "__main__":
    address, server, client, command, *rest = sys.argv[1:]
    text = rest[0].encode() if command == "upper" else b""
    last = {"upper": "upper", "get": "file_end", "exec": "exit"}[command]
    fields = {"upper": {}, "get": {"path": rest[0]}, "exec": {"argv": rest}}[command]
    for message, body in Peer(address, server, client).ask(command, last, text, **fields):
        (sys.stderr if message["type"] == "stderr" else sys.stdout).buffer.write(body)
    sys.exit(message.get("code", 0) if message.get("outcome", "exited") == "exited" else message["outcome"])
