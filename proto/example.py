"""Lists the sessions of an authstated, and tells why one has no creds: a client in Python.

README.md beside this file says how the stubs are made. Usage: example.py [HOST:PORT]
"""
import sys

import grpc
from authstate.v1 import auth_state_service_pb2 as messages
from authstate.v1 import auth_state_service_pb2_grpc as services
from google.rpc import error_details_pb2, status_pb2

MAX_MESSAGE = 64 << 20


def sessions(store):
    """Every session, page by page."""
    token = ""
    while True:
        page = store.ListSessions(messages.ListSessionsRequest(page_token=token), timeout=30)
        yield from page.sessions
        token = page.next_page_token
        if not token:
            return


def reason(error):
    """The ErrorInfo that every failed call carries, such as NO_CREDS."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return ""


def main(address):
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    with grpc.insecure_channel(address, options) as channel:
        store = services.AuthStateServiceStub(channel)
        for session in sessions(store):
            print(session.session_id, "revision", session.revision, "keys", session.key_count,
                  "owner", session.lease.owner or "nobody")
            try:
                creds = store.GetCreds(messages.GetCredsRequest(session_id=session.session_id), timeout=30).creds
                print("  creds:", len(creds.json), "bytes of JSON")
            except grpc.RpcError as error:
                print("  no creds:", error.code().name, reason(error))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
