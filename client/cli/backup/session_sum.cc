#include "client/cli/backup/session_sum.h"

#include <cstddef>

namespace authstate::cli {
namespace {

constexpr std::size_t kSumBytes = 32;
constexpr unsigned kBitsOfByte = 8;

}  // namespace

SessionSum::SessionSum() { crypto_generichash_init(&state_, nullptr, 0, kSumBytes); }

void SessionSum::Add(absl::string_view text) {
  crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

void SessionSum::AddWithLength(absl::string_view text) {
  std::string length;
  for (unsigned i = 0; i < sizeof(std::uint64_t); ++i) {
    length.push_back(static_cast<char>(std::uint64_t{text.size()} >> i * kBitsOfByte));
  }
  Add(length);
  Add(text);
}

void SessionSum::AddValue(const Value& value) {
  const char kind = static_cast<char>(value.kind);
  Add({&kind, 1});
  AddWithLength(value.bytes);
  value_bytes_ += value.bytes.size();
}

void SessionSum::AddCreds(const Value& creds) {
  Add("c");
  AddValue(creds);
  has_creds_ = true;
}

void SessionSum::AddKey(const client::KeyEntry& key) {
  Add("k");
  AddWithLength(key.name.type);
  AddWithLength(key.name.id);
  AddValue(key.value);
  ++keys_;
}

std::string SessionSum::Finish() {
  std::string sum(kSumBytes, '\0');
  crypto_generichash_final(&state_, reinterpret_cast<unsigned char*>(sum.data()), sum.size());
  return sum;
}

}  // namespace authstate::cli
