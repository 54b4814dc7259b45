# Speaks HTTP/2 over TLS as far as it takes to see what a server does: tls_peer.py HOST:PORT PROTOCOL [--flood]. Names the
# protocol, unless it is empty, sends the preface, answers pings, and prints the types of the frames that come until the
# server ends the connection. With --flood it begins streams and resets them until then.
import socket
import ssl
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RESET, SETTINGS, PING = 1, 3, 4, 6
ACK, END_HEADERS = 1, 4
# POST, https, / and the authority "localhost", in HPACK.
CALL = b"\x83\x87\x84\x41\x09localhost"


def frame(kind, flags, payload=b"", stream=0):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def flood(connection):
    for stream in range(1, 1 << 31, 2):
        connection.sendall(frame(HEADERS, END_HEADERS, CALL, stream) + frame(RESET, 0, bytes(4), stream))


address, protocol, *options = sys.argv[1:]
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
        if "--flood" in options:
            flood(connection)
        while len(header := stream.read(9)) == 9:
            length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
            payload = stream.read(length)
            kinds.append(kind)
            if kind == PING and not flags & ACK:
                connection.sendall(frame(PING, ACK, payload))
except OSError:
    pass
print(*kinds)
