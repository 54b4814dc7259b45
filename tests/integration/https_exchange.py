"""https_exchange.py ADDRESS CA REQUEST [CERTIFICATE KEY]: sends a request over TLS to a server that is named localhost,
and prints what it sends until it closes the connection. Exits with 1, and the reason on standard error, where there is no
connection to be had."""

import socket
import ssl
import sys

address, authority, request = sys.argv[1:4]
host, port = address.rsplit(":", 1)
context = ssl.create_default_context(cafile=authority)
if len(sys.argv) > 4:
    context.load_cert_chain(sys.argv[4], sys.argv[5])
try:
    with socket.create_connection(("127.0.0.1", int(port))) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as peer:
            peer.sendall(request.encode())
            while part := peer.recv(65536):
                sys.stdout.buffer.write(part)
except OSError as error:
    sys.exit(str(error))
