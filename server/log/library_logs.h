#ifndef AUTHSTATE_SERVER_LOG_LIBRARY_LOGS_H_
#define AUTHSTATE_SERVER_LOG_LIBRARY_LOGS_H_

namespace authstate::server {

// Sends what gRPC and Protobuf have to say to the server's log, at debug level, instead of straight to standard error.
// Neither quotes the content of messages.
void RouteLibraryLogs();

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_LIBRARY_LOGS_H_
