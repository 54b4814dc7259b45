#include "server/log/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

#include "server/log/logging.h"

namespace authstate::server {
namespace {

void LogGrpc(gpr_log_func_args* args) { Log(LogLevel::kDebug, "grpc", {{"text", args->message}}); }

void LogProtobuf(google::protobuf::LogLevel /*level*/, const char* /*file*/, int /*line*/, const std::string& text) {
  Log(LogLevel::kDebug, "protobuf", {{"text", text}});
}

}  // namespace

void RouteLibraryLogs() {
  gpr_set_log_function(LogGrpc);
  google::protobuf::SetLogHandler(LogProtobuf);
}

}  // namespace authstate::server
