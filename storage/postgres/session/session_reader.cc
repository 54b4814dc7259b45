#include "storage/postgres/session/session_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

constexpr int kMaxReads = 2;

PgConnection::Execution Ask(PgConnection& connection, const char* sql, const PgConnection::Parameters& parameters,
                            absl::Time deadline, PgConnection::Planning planning = PgConnection::Planning::kKept) {
  PgConnection::Execution execution;
  for (int i = 0; i < kMaxReads; ++i) {
    execution = connection.Execute(sql, parameters, deadline, planning);
    if (!execution.failure.has_value() || !MayRepeat(*execution.failure)) break;
  }
  return execution;
}

std::int64_t Clamped(std::size_t bytes) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(bytes, kMost));
}

// What a read came to so far, a member a request each.
struct Reading {
  std::vector<absl::StatusOr<ReadResult>> results;
  // The places of each request's first key, less one.
  std::vector<std::int64_t> first_places;
  // Those of the sessions that have one.
  std::vector<std::optional<DataKey>> data_keys;
};

// Opens the session's data key, from the first row of its request.
void TakeKey(SessionKeys& keys, const ReadRequest& request, bool exists, absl::string_view hex,
             absl::StatusOr<ReadResult>& result, std::optional<DataKey>& data_key) {
  std::string wrapped = FromHex(hex);
  absl::StatusOr<std::optional<DataKey>> opened = keys.Open(request.session_id, exists, wrapped);
  if (!opened.ok()) {
    result = opened.status();
  } else {
    data_key = *std::move(opened);
  }
  keys.Saw(request.session_id, exists, std::move(wrapped));
}

// Takes one row of Layout::read into the result of its request: the first rows of all of them, or the others.
void Take(const Layout& layout, SessionKeys& keys, const pqxx::row& row, bool first,
          const std::vector<ReadRequest>& requests, Reading& reading) {
  std::size_t number = 0;
  std::int64_t place = 0;
  ReadResult head;
  bool too_large = false;
  std::int64_t kind = 0;
  absl::string_view hex;
  Lease lease;
  absl::string_view wrapped;
  ReadRow(row, number, place, head.revision, head.exists, too_large, kind, hex, lease.fence, lease.owner, wrapped);
  if (first != (place < 0)) return;
  const ReadRequest& request = requests[number - 1];
  absl::StatusOr<ReadResult>& result = reading.results[number - 1];
  std::optional<DataKey>& data_key = reading.data_keys[number - 1];
  if (first) {
    TakeKey(keys, request, head.exists, wrapped, result, data_key);
    const absl::Status checked = request.fence == 0 ? absl::OkStatus() : CheckFence(lease, request.fence);
    if (!checked.ok()) {
      result = checked;
    } else if (too_large) {
      result = ResponseTooLarge(request.max_bytes);
    } else if (result.ok()) {
      result->revision = head.revision;
      result->exists = head.exists;
    }
    return;
  }
  if (!result.ok()) return;
  const std::size_t key = place == 0 ? 0 : static_cast<std::size_t>(place - reading.first_places[number - 1] - 1);
  const ValuePlace stands = place == 0 ? ValuePlace{request.session_id, "", ""}
                                       : ValuePlace{request.session_id, request.keys[key].type, request.keys[key].id};
  absl::StatusOr<Value> value = layout.to_value(stands, kind, hex, data_key.has_value() ? &*data_key : nullptr);
  if (!value.ok()) {
    result = value.status();
  } else if (place == 0) {
    result->creds = *std::move(value);
  } else {
    result->values[key] = *std::move(value);
  }
}

bool MissesSomething(const ReadRequest& request, const ReadResult& result) {
  return !result.exists || (request.want_creds && !result.creds.has_value()) ||
         std::any_of(result.values.begin(), result.values.end(), [](const auto& value) { return !value.has_value(); });
}

// Turns absence into DataLoss where the session has not all that it should have.
void CheckAbsences(PgConnection& connection, const Layout& layout, const std::vector<ReadRequest>& requests,
                   absl::Time deadline, std::vector<absl::StatusOr<ReadResult>>* results) {
  if (layout.damaged == nullptr) return;
  absl::flat_hash_set<std::string> doubtful;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if ((*results)[i].ok() && MissesSomething(requests[i], *(*results)[i])) doubtful.insert(requests[i].session_id);
  }
  if (doubtful.empty()) return;
  PgArray session_ids = PgArray::Text();
  for (const std::string& session_id : doubtful) session_ids.AddBytes(session_id);
  const PgConnection::Execution execution =
      Ask(connection, layout.damaged, {std::move(session_ids).Encode()}, deadline);
  const std::vector<std::string> found = FirstColumn(execution.rows);
  const absl::flat_hash_set<std::string> damaged(found.begin(), found.end());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    absl::StatusOr<ReadResult>& result = (*results)[i];
    if (!result.ok() || !doubtful.contains(requests[i].session_id)) continue;
    if (execution.failure.has_value()) result = ToStatus(*execution.failure);
    if (damaged.contains(requests[i].session_id)) result = DamagedSession();
  }
}

// The least id above all that start with `prefix`; empty when that is not to be had by one more in the last byte.
std::string AbovePrefix(std::string prefix) {
  constexpr char kLastAscii = 0x7f;
  if (prefix.empty() || prefix.back() < 0 || prefix.back() == kLastAscii) return "";
  ++prefix.back();
  return prefix;
}

}  // namespace

PgConnection::Parameters EncodeReads(const std::vector<ReadRequest>& requests) {
  PgArray session_id = PgArray::Text();
  PgArray want_creds = PgArray::Bool();
  PgArray max_bytes = PgArray::Int8();
  PgArray key_request = PgArray::Int8();
  PgArray key_session_id = PgArray::Text();
  PgArray key_type = PgArray::Text();
  PgArray key_id = PgArray::Text();
  std::int64_t number = 0;
  for (const ReadRequest& request : requests) {
    ++number;
    session_id.AddBytes(request.session_id);
    want_creds.AddBool(request.want_creds);
    max_bytes.AddInt8(Clamped(request.max_bytes));
    for (const KeyName& name : request.keys) {
      key_request.AddInt8(number);
      key_session_id.AddBytes(request.session_id);
      key_type.AddBytes(name.type);
      key_id.AddBytes(name.id);
    }
  }
  PgConnection::Parameters parameters;
  for (PgArray* array : {&session_id, &want_creds, &max_bytes, &key_request, &key_session_id, &key_type, &key_id}) {
    parameters.push_back(std::move(*array).Encode());
  }
  return parameters;
}

std::optional<std::vector<absl::StatusOr<ReadResult>>> ReadSessions(PgConnection& connection, const Layout& layout,
                                                                    SessionKeys& keys,
                                                                    const std::vector<ReadRequest>& requests,
                                                                    absl::Time deadline) {
  using Results = std::vector<absl::StatusOr<ReadResult>>;
  if (requests.empty()) return Results();
  std::size_t asked = 0;
  for (const ReadRequest& request : requests) asked += request.keys.size();
  const PgConnection::Execution execution =
      Ask(connection, layout.read, EncodeReads(requests), deadline, layout.PlanningFor(asked));
  if (execution.failure.has_value() && LockedOut(*execution.failure)) return std::nullopt;
  if (execution.failure.has_value()) {
    Results results(requests.size(), ToStatus(*execution.failure));
    if (requests.size() > 1 && MayBeOneMembersFault(execution.failure->sqlstate)) {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        auto alone = ReadSessions(connection, layout, keys, {requests[i]}, deadline);
        if (!alone.has_value()) return std::nullopt;
        results[i] = std::move(alone->front());
      }
    }
    return results;
  }
  Reading reading;
  reading.results.assign(requests.size(), ReadResult());
  reading.data_keys.resize(requests.size());
  std::int64_t place = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    reading.results[i]->values.resize(requests[i].keys.size());
    reading.first_places.push_back(place);
    place += static_cast<std::int64_t>(requests[i].keys.size());
  }
  // Values are opened by what the first row of their request has.
  for (const bool first : {true, false}) {
    for (const auto& row : execution.rows) Take(layout, keys, row, first, requests, reading);
  }
  CheckAbsences(connection, layout, requests, deadline, &reading.results);
  return std::move(reading.results);
}

std::optional<absl::StatusOr<std::vector<SessionSummary>>> ListSessions(PgConnection& connection, const Layout& layout,
                                                                        const ListRequest& request,
                                                                        absl::Time deadline) {
  const PgConnection::Execution execution =
      Ask(connection, layout.list,
          {request.after, request.prefix, AbovePrefix(request.prefix), EncodePgInt8(Clamped(request.limit)),
           EncodePgInt8(request.leased      ? 1
                        : request.with_gone ? 2
                                            : 0),
           EncodePgAge(request.unwritten_for),
           EncodePgInt8(request.has_creds.has_value() ? (*request.has_creds ? 1 : 0) : -1),
           EncodePgInt8(request.want_size ? 1 : 0), request.owner_prefix},
          deadline);
  if (execution.failure.has_value() && LockedOut(*execution.failure)) return std::nullopt;
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  std::vector<SessionSummary> summaries;
  for (const auto& row : execution.rows) {
    SessionSummary& summary = summaries.emplace_back();
    ReadRow(row, summary.session_id, summary.revision, summary.has_creds, summary.key_count, summary.update_time,
            summary.lease, summary.stored_bytes);
  }
  return summaries;
}

absl::Status PingDatabase(PgConnection& connection, absl::Time deadline) {
  const PgConnection::Execution execution = Ask(connection, statements::kPing, {}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  if (!connection.must_write() || ToText(execution.rows[0][0]) == "off") return absl::OkStatus();
  // The next one may be to another host.
  connection.Drop();
  Failure failure;
  failure.fault = Fault::kStandby;
  return ToStatus(failure);
}

}  // namespace authstate::storage
