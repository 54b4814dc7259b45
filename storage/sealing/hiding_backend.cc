#include <cstdint>
#include <utility>
#include <vector>

#include "contract/limits.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"
#include "storage/packed_value.h"
#include "storage/sealing/hidden_names.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kLengthOfId = 2;
static_assert(kMaxHiddenIdBytes == kLengthOfId + kMaxKeyIdBytes);
constexpr unsigned kBitsOfByte = 8;

void PutId(absl::string_view id, std::string* bytes) {
  std::string whole;
  whole.reserve(kLengthOfId + id.size() + bytes->size());
  whole.push_back(static_cast<char>(id.size()));
  whole.push_back(static_cast<char>(id.size() >> kBitsOfByte));
  whole.append(id.data(), id.size());
  whole += *bytes;
  *bytes = std::move(whole);
}

// Takes the id from the beginning; nullopt where none stands there.
std::optional<std::string> TakeId(std::string* bytes) {
  if (bytes->size() < kLengthOfId) return std::nullopt;
  const std::size_t size = static_cast<unsigned char>((*bytes)[0]) |
                           static_cast<std::size_t>(static_cast<unsigned char>((*bytes)[1])) << kBitsOfByte;
  if (bytes->size() - kLengthOfId < size) return std::nullopt;
  std::string id = bytes->substr(kLengthOfId, size);
  bytes->erase(0, kLengthOfId + size);
  return id;
}

class HidingSnapshot final : public Snapshot {
 public:
  HidingSnapshot(std::unique_ptr<Snapshot> inner, const HiddenNames& names, std::string session_id, bool want_values,
                 bool want_summaries)
      : inner_(std::move(inner)),
        names_(names),
        session_id_(std::move(session_id)),
        want_values_(want_values),
        want_summaries_(want_summaries) {}

  std::uint64_t revision() const override { return inner_->revision(); }
  const std::optional<Value>& creds() const override { return inner_->creds(); }
  const Lease& lease() const override { return inner_->lease(); }
  const RecentCommits& recent_commits() const override { return inner_->recent_commits(); }

  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    inner_->Next(max_bytes, deadline, [this, done = std::move(done)](absl::StatusOr<Page> page) mutable {
      std::move(done)(page.ok() ? Shown(*std::move(page)) : std::move(page));
    });
  }

 private:
  absl::StatusOr<Page> Shown(Page page) const {
    for (std::size_t i = 0; i < page.keys.size(); ++i) {
      KeyWrite& key = page.keys[i];
      std::optional<std::string> id = TakeId(&key.value.bytes);
      if (!id.has_value()) return DamagedValue();
      const std::string hidden = std::exchange(key.name.id, *std::move(id));
      if (names_.Hide(session_id_, key.name) != hidden) return DamagedValue();
      if (want_summaries_) page.summaries[i].name = key.name;
    }
    if (!want_values_) page.keys.clear();
    return page;
  }

  const std::unique_ptr<Snapshot> inner_;
  const HiddenNames& names_;
  const std::string session_id_;
  const bool want_values_;
  const bool want_summaries_;
};

// What of a request tells its answer.
struct Asked {
  explicit Asked(const ReadRequest& request) : max_bytes(request.max_bytes) {
    ids.reserve(request.keys.size());
    for (const KeyName& name : request.keys) ids.push_back(name.id);
  }

  std::vector<std::string> ids;
  std::size_t max_bytes;
};

absl::StatusOr<ReadResult> Shown(const Asked& asked, ReadResult result) {
  std::size_t bytes = result.creds.has_value() ? result.creds->bytes.size() : 0;
  for (std::size_t i = 0; i < asked.ids.size(); ++i) {
    std::optional<Value>& value = result.values[i];
    if (!value.has_value()) continue;
    if (TakeId(&value->bytes) != asked.ids[i]) return DamagedValue();
    bytes += value->bytes.size();
  }
  if (bytes > asked.max_bytes) return ResponseTooLarge(asked.max_bytes);
  return result;
}

class HidingBackend final : public ForwardingBackend {
 public:
  HidingBackend(std::unique_ptr<Backend> store, std::unique_ptr<const HiddenNames> names)
      : ForwardingBackend(std::move(store)), names_(std::move(names)) {}
  ~HidingBackend() override { EndInner(); }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    for (Commit& commit : commits) {
      for (KeyWrite& key : commit.sets) {
        PutId(key.name.id, &key.value.bytes);
        key.name.id = names_->Hide(commit.session_id, key.name);
      }
      for (KeyName& name : commit.deletes) name.id = names_->Hide(commit.session_id, name);
    }
    inner().Apply(std::move(commits), deadline, std::move(done));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    std::vector<Asked> asked(requests.begin(), requests.end());
    for (ReadRequest& request : requests) {
      for (KeyName& name : request.keys) {
        // What the value is longer by.
        request.max_bytes += std::min(kLengthOfId + name.id.size(), SIZE_MAX - request.max_bytes);
        name.id = names_->Hide(request.session_id, name);
      }
    }
    inner().Read(
        std::move(requests), deadline,
        [asked = std::move(asked), done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
          for (std::size_t i = 0; i < results.size(); ++i) {
            if (results[i].ok()) {
              results[i] = Shown(asked[i], *std::move(results[i]));
            } else if (ReasonOf(results[i].status()) == kResponseTooLarge) {
              results[i] = ResponseTooLarge(asked[i].max_bytes);
            }
          }
          std::move(done)(std::move(results));
        });
  }

  // A name is in its value: summaries take that too.
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    const bool want_values = std::exchange(request.want_values, true);
    request.want_summaries = request.want_summaries || !want_values;
    const bool want_summaries = request.want_summaries;
    std::string session_id = request.session_id;
    inner().OpenSnapshot(std::move(request), deadline,
                         [this, want_values, want_summaries, session_id = std::move(session_id),
                          done = std::move(done)](absl::StatusOr<std::unique_ptr<Snapshot>> snapshot) mutable {
                           if (snapshot.ok()) {
                             snapshot = std::make_unique<HidingSnapshot>(
                                 *std::move(snapshot), *names_, std::move(session_id), want_values, want_summaries);
                           }
                           std::move(done)(std::move(snapshot));
                         });
  }

  Description Describe() const override {
    Description description = inner().Describe();
    description.hides_key_ids = true;
    return description;
  }

 private:
  const std::unique_ptr<const HiddenNames> names_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> WithHiddenNames(std::unique_ptr<Backend> store, const Keyring* keyring,
                                                         absl::string_view wrapped) {
  if (wrapped.empty()) return store;
  auto names = HiddenNames::Open(*keyring, wrapped);
  if (!names.ok()) return names.status();
  return std::make_unique<HidingBackend>(std::move(store), *std::move(names));
}

}  // namespace authstate::storage
