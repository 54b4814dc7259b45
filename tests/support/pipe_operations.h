#ifndef AUTHSTATE_TESTS_SUPPORT_PIPE_OPERATIONS_H_
#define AUTHSTATE_TESTS_SUPPORT_PIPE_OPERATIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "authstate/v1/auth_state_service.pb.h"

// Operations of a pipe as a caller would write them.
namespace authstate::test::pipe {

inline v1::PipeOperation On(std::uint32_t channel, std::uint64_t tag) {
  v1::PipeOperation operation;
  operation.set_channel(channel);
  operation.set_tag(tag);
  return operation;
}

inline v1::PipeOperation Attach(std::uint32_t channel, std::uint64_t tag, const std::string& session_id,
                                const std::string& owner = "me", std::uint64_t fence = 0) {
  v1::PipeOperation operation = On(channel, tag);
  operation.mutable_attach()->set_session_id(session_id);
  operation.mutable_attach()->set_owner(owner);
  operation.mutable_attach()->mutable_ttl()->set_seconds(60);
  operation.mutable_attach()->set_fence(fence);
  return operation;
}

inline v1::PipeOperation Steal(std::uint32_t channel, std::uint64_t tag, const std::string& session_id,
                               const std::string& owner) {
  v1::PipeOperation operation = Attach(channel, tag, session_id, owner);
  operation.mutable_attach()->set_steal(true);
  return operation;
}

inline v1::PipeOperation Detach(std::uint32_t channel, std::uint64_t tag, bool release = false) {
  v1::PipeOperation operation = On(channel, tag);
  operation.mutable_detach()->set_release(release);
  return operation;
}

inline v1::PipeOperation Renew(std::uint32_t channel, std::uint64_t tag) {
  v1::PipeOperation operation = On(channel, tag);
  operation.mutable_renew()->mutable_ttl()->set_seconds(60);
  return operation;
}

// Sets the one key that Get reads.
inline v1::PipeOperation Commit(std::uint32_t channel, std::uint64_t tag, std::uint64_t number,
                                const std::string& value) {
  v1::PipeOperation operation = On(channel, tag);
  operation.mutable_commit()->set_number(number);
  v1::KeyEntry* const entry = operation.mutable_commit()->add_sets();
  entry->mutable_key()->set_type("t");
  entry->mutable_key()->set_id("1");
  entry->mutable_value()->set_raw(value);
  return operation;
}

inline v1::PipeOperation Get(std::uint32_t channel, std::uint64_t tag) {
  v1::PipeOperation operation = On(channel, tag);
  v1::KeySelection* const keys = operation.mutable_get()->add_keys();
  keys->set_type("t");
  keys->add_ids("1");
  return operation;
}

inline v1::PipeRequest Message(const std::vector<v1::PipeOperation>& operations) {
  v1::PipeRequest request;
  for (const v1::PipeOperation& operation : operations) *request.add_operations() = operation;
  return request;
}

}  // namespace authstate::test::pipe

#endif  // AUTHSTATE_TESTS_SUPPORT_PIPE_OPERATIONS_H_
