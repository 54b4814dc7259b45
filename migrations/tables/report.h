#ifndef AUTHSTATE_MIGRATIONS_TABLES_REPORT_H_
#define AUTHSTATE_MIGRATIONS_TABLES_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "migrations/tables/verification.h"

// A verification as a file: JSON, which is read again, and a page for people. Neither holds values of rows but keys.
namespace authstate::tables {

nlohmann::ordered_json ToJson(const Finding& finding);
nlohmann::ordered_json ToJson(const SequencePlace& place);
nlohmann::ordered_json ToJson(const Verification& verification);

// InvalidArgument, with `path`, when it is not one that ToJson made; NotFound when there is no such file; else as
// ReadWhole.
absl::StatusOr<Verification> ReadReport(const std::string& path);

// Takes the place of the file at once, so that there is always a whole one. Internal when it cannot be written.
absl::Status WriteReport(const std::string& path, const Verification& verification);

// One HTML page that needs nothing beside it.
std::string ToPage(const Verification& verification);
absl::Status WritePage(const std::string& path, const Verification& verification);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_REPORT_H_
