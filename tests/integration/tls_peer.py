# Speaks HTTP/2 over TLS as far as it takes to see what a server does: tls_peer.py HOST:PORT PROTOCOL. Sends the preface,
# answers pings, and prints the types of the frames that come until the server ends the connection; or, of a client that
# names no PROTOCOL (an empty one) or another, nothing.
import socket
import ssl
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, ACK = 4, 6, 1


def frame(kind, flags, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + payload


address, protocol = sys.argv[1:]
host, port = address.rsplit(":", 1)
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if protocol:
    context.set_alpn_protocols([protocol])
kinds = []
try:
    with context.wrap_socket(socket.create_connection((host, int(port)))) as connection:
        stream = connection.makefile("rb")
        connection.sendall(PREFACE + frame(SETTINGS, 0))
        while len(header := stream.read(9)) == 9:
            length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
            payload = stream.read(length)
            kinds.append(kind)
            if kind == PING and not flags & ACK:
                connection.sendall(frame(PING, ACK, payload))
except OSError:
    pass
print(*kinds)
