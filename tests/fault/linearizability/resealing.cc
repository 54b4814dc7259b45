#include "tests/fault/linearizability/resealing.h"

#include <array>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage/postgres/postgres_options.h"
#include "storage/postgres/schema/postgres_sealer.h"
#include "storage/sealing/data_key.h"

namespace authstate::test {
namespace {

// Between two changes, so that clients get something done.
constexpr absl::Duration kPause = absl::Milliseconds(20);
// One in so many changes to an encrypted session opens it.
constexpr int kWrappedForOneOpened = 3;

// The same keys, and another one active.
const Keyring& AnyKeyring(std::mt19937_64& random) {
  static const auto* const kKeyrings = new std::array<std::shared_ptr<const Keyring>, 2>{
      *Keyring::Parse(KeyringText("a")), *Keyring::Parse(KeyringText("b"))};
  return *(*kKeyrings)[std::uniform_int_distribution<std::size_t>(0, 1)(random)];
}

}  // namespace

std::string KeyringText(const char* active) {
  return absl::StrCat("active ", active, "; key a ", std::string(64, 'a'), "; key b ", std::string(64, 'b'));
}

Resealing::Resealing(std::string url, std::vector<std::string> sessions, std::uint64_t seed,
                     const RoundContext* context)
    : url_(std::move(url)), sessions_(std::move(sessions)), context_(context), random_(seed), thread_([this] {
        Run();
      }) {}

void Resealing::End() {
  if (thread_.joinable()) thread_.join();
}

void Resealing::Run() {
  storage::PostgresOptions options;
  options.url = url_;
  std::unique_ptr<storage::SessionSealer> sealer;
  for (std::size_t turn = 0; !context_->stop.HasBeenNotified(); ++turn) {
    if (sealer == nullptr) {
      // PostgreSQL may be away: for the next turn.
      if (auto opened = storage::OpenPostgresSealer(options); opened.ok()) sealer = *std::move(opened);
    }
    if (sealer != nullptr) {
      const std::string& session = sessions_[turn % sessions_.size()];
      const absl::Status changed = Change(*sealer, session);
      if (absl::IsDataLoss(changed)) damage_.push_back(absl::StrCat("resealing ", session, ": ", changed.ToString()));
      if (!changed.ok()) sealer.reset();
    }
    context_->Linger(kPause);
  }
}

absl::Status Resealing::Change(storage::SessionSealer& sealer, const std::string& session_id) {
  // Those that come after what is less than its id by the last character are it, or come after it.
  std::string before = session_id;
  --before.back();
  const auto listed = sealer.List(before, 1);
  if (!listed.ok()) return listed.status();
  if (listed->empty() || listed->front().id != session_id) return absl::OkStatus();
  const storage::SessionSealer::Session& session = listed->front();
  const Keyring& keyring = AnyKeyring(random_);
  absl::StatusOr<bool> done = false;
  if (session.wrapped.empty()) {
    const std::string wrapped = storage::NewWrappedKey(keyring, session_id);
    const auto to = storage::UnwrapKey(&keyring, session_id, wrapped);
    if (!to.ok()) return to.status();
    done = sealer.Reseal(session, nullptr, wrapped, &*to);
    if (done.ok() && *done) ++resealed_;
  } else if (OneIn(kWrappedForOneOpened)) {
    const auto from = storage::UnwrapKey(&keyring, session_id, session.wrapped);
    if (!from.ok()) return from.status();
    done = sealer.Reseal(session, &*from, "", nullptr);
    if (done.ok() && *done) ++resealed_;
  } else {
    const auto rewrapped = storage::RewrapKey(keyring, session_id, session.wrapped);
    if (!rewrapped.ok()) return rewrapped.status();
    done = sealer.Rewrap(session, *rewrapped);
    if (done.ok() && *done) ++rewrapped_;
  }
  return done.status();
}

}  // namespace authstate::test
