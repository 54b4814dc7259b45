#include "storage/moving/session_digest.h"

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "contract/json_meaning.h"
#include "storage/await_call.h"
#include "storage/moving/session_content.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;

class Hash {
 public:
  Hash() {
    static const int kReady = sodium_init();
    (void)kReady;
    crypto_generichash_init(&state_, nullptr, 0, crypto_generichash_BYTES);
  }

  // The length goes first, so that what is added has one beginning and one end.
  void Add(absl::string_view bytes) {
    const std::uint64_t size = bytes.size();
    std::array<unsigned char, sizeof(size)> prefix{};
    for (std::size_t i = 0; i < prefix.size(); ++i) prefix[i] = static_cast<unsigned char>(size >> (8 * i));
    crypto_generichash_update(&state_, prefix.data(), prefix.size());
    crypto_generichash_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }

  std::string Finish() {
    std::string hash(crypto_generichash_BYTES, '\0');
    crypto_generichash_final(&state_, reinterpret_cast<unsigned char*>(hash.data()), hash.size());
    return hash;
  }

 private:
  crypto_generichash_state state_{};
};

// A sum of hashes, in whatever order they come: in each of four places that of their words, less what is carried.
class HashSum {
 public:
  void Add(const std::string& hash) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, &hash[i * sizeof(word)], sizeof(word));
      words_[i] += word;
    }
  }
  std::string Finish() const { return {reinterpret_cast<const char*>(words_.data()), sizeof(words_)}; }

 private:
  std::array<std::uint64_t, crypto_generichash_BYTES / sizeof(std::uint64_t)> words_{};
};

}  // namespace

absl::StatusOr<std::string> DigestValue(const Value& value) {
  Hash hash;
  if (value.kind == ValueKind::kRaw) {
    hash.Add("raw");
    hash.Add(value.bytes);
    return hash.Finish();
  }
  const absl::StatusOr<std::string> meaning = JsonMeaning(value.bytes);
  if (!meaning.ok()) return meaning.status();
  hash.Add("json");
  hash.Add(*meaning);
  return hash.Finish();
}

absl::StatusOr<SessionDigest> DigestSession(Backend& backend, const std::string& session_id, absl::Time deadline) {
  auto snapshot = AwaitSnapshot(backend, session_id, deadline);
  SessionDigest digest;
  if (absl::IsNotFound(snapshot.status())) return digest;
  if (!snapshot.ok()) return snapshot.status();
  digest.exists = true;
  digest.revision = (*snapshot)->revision();
  digest.fence = (*snapshot)->lease().fence;
  digest.has_creds = (*snapshot)->creds().has_value();
  if (digest.has_creds) {
    absl::StatusOr<std::string> creds = DigestValue(*(*snapshot)->creds());
    if (!creds.ok()) return creds.status();
    digest.creds = *std::move(creds);
  }
  // Stores that hide key ids have another order, so what stands for all keys is a sum.
  HashSum keys;
  for (bool last = false; !last;) {
    const auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
        [&](auto done) { (*snapshot)->Next(kPageBytes, deadline, std::move(done)); });
    if (!page.ok()) return page.status();
    for (const KeyWrite& key : page->keys) {
      const absl::StatusOr<std::string> value = DigestValue(key.value);
      if (!value.ok()) return value.status();
      Hash hash;
      hash.Add(key.name.type);
      hash.Add(key.name.id);
      hash.Add(*value);
      keys.Add(hash.Finish());
    }
    digest.key_count += page->keys.size();
    last = page->last;
  }
  digest.keys = keys.Finish();
  return digest;
}

}  // namespace authstate::storage
