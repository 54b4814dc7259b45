#include "migrations/seal_sessions.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "migrations/open_schema.h"
#include "migrations/schema_change.h"
#include "storage/error.h"
#include "storage/postgres/schema/postgres_sealer.h"
#include "storage/sealing/data_key.h"
#include "storage/sealing/hidden_names.h"
#include "storage/sealing/keyring_marks.h"
#include "storage/sqlite/sealing/sqlite_sealer.h"

namespace authstate::migrations {
namespace {

using storage::SessionSealer;

constexpr std::size_t kPage = 500;
// A session that others change while it is worked on is for the next pass.
constexpr int kMaxPasses = 5;

// Calls `visit` for every session, and for what was put aside of some, until one fails.
template <typename Visit>
absl::Status ForEach(SessionSealer& sealer, Visit visit) {
  std::string after;
  while (true) {
    const auto sessions = sealer.List(after, kPage);
    if (!sessions.ok()) return sessions.status();
    for (const SessionSealer::Session& session : *sessions) {
      if (absl::Status visited = visit(session); !visited.ok()) return visited;
    }
    if (sessions->size() < kPage) break;
    after = sessions->back().id;
  }
  const auto orphans = sealer.Orphans();
  if (!orphans.ok()) return orphans.status();
  for (const SessionSealer::Session& orphan : *orphans) {
    if (absl::Status visited = visit(orphan); !visited.ok()) return visited;
  }
  return absl::OkStatus();
}

std::string NameOf(const SessionSealer::Session& session) {
  return session.orphan == 0 ? session.id : absl::StrCat("the orphan ", session.orphan, " of ", session.id);
}

// Whether sessions are to be plain.
bool ToPlain(const Keyring& keyring) { return keyring.active().empty(); }

absl::Status CheckKeyring(SessionSealer& sealer, const Keyring& keyring) {
  const auto marks = sealer.Marks();
  if (!marks.ok()) return marks.status();
  if (absl::Status checked = storage::CheckKeyring(&keyring, *marks); !checked.ok()) return checked;
  const bool known = std::any_of(marks->begin(), marks->end(), [&keyring](const storage::KeyringMark& mark) {
    return mark.key_id == keyring.active();
  });
  if (known || ToPlain(keyring)) return absl::OkStatus();
  return storage::Error(absl::StatusCode::kFailedPrecondition, storage::kKeyringMismatch,
                        absl::StrCat("no server was started with the active key \"", keyring.active(),
                                     "\" yet: start all of them with this keyring, and then do this"));
}

// Whether there is something to do.
bool IsThere(const SessionSealer::Session& session, const Keyring& keyring) {
  if (ToPlain(keyring)) return session.wrapped.empty();
  return !session.wrapped.empty() && storage::WrappedUnder(session.wrapped) == keyring.active();
}

// False when the session was changed by others meanwhile.
absl::StatusOr<bool> Bring(SessionSealer& sealer, const SessionSealer::Session& session, const Keyring& keyring,
                           SealingReport* report) {
  absl::StatusOr<bool> done = false;
  if (ToPlain(keyring)) {
    const auto from = storage::UnwrapKey(&keyring, session.id, session.wrapped);
    if (!from.ok()) return from.status();
    done = sealer.Reseal(session, &*from, "", nullptr);
  } else if (session.wrapped.empty()) {
    const std::string wrapped = storage::NewWrappedKey(keyring, session.id);
    const auto to = storage::UnwrapKey(&keyring, session.id, wrapped);
    if (!to.ok()) return to.status();
    done = sealer.Reseal(session, nullptr, wrapped, &*to);
  } else {
    const auto rewrapped = storage::RewrapKey(keyring, session.id, session.wrapped);
    if (!rewrapped.ok()) return rewrapped.status();
    done = sealer.Rewrap(session, *rewrapped);
    if (done.ok() && *done) ++report->rewrapped;
    return done;
  }
  if (done.ok() && *done) ++report->resealed;
  return done;
}

// Brings the key that hides key ids there too. Whoever was faster has made it the active key's. Whether there is one.
absl::StatusOr<bool> BringHidingKey(SessionSealer& sealer, const Keyring& keyring) {
  const auto wrapped = sealer.HidingKey();
  if (!wrapped.ok()) return wrapped.status();
  if (wrapped->empty()) return false;
  if (ToPlain(keyring)) return storage::PlainShowsNames();
  if (storage::WrappedUnder(*wrapped) == keyring.active()) return true;
  const auto rewrapped = storage::HiddenNames::Rewrap(keyring, *wrapped);
  if (!rewrapped.ok()) return rewrapped.status();
  if (const auto done = sealer.RewrapHidingKey(*wrapped, *rewrapped); !done.ok()) return done.status();
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSealer(const profiles::DatabaseOptions& options) {
  {
    const absl::StatusOr<OpenedSchema> schema = OpenSchema(options);
    if (!schema.ok()) return schema.status();
    const absl::StatusOr<SchemaState> state = ReadSchemaState(*schema->store);
    if (!state.ok()) return state.status();
    if (!state->pending.empty()) {
      return absl::FailedPreconditionError("the schema is that of an earlier version: run authstatectl schema up");
    }
  }
  if (options.backend == profiles::BackendChoice::kSqlite) return storage::OpenSqliteSealer(options.sqlite_path);
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options, options.backend);
  if (!target.ok()) return target.status();
  return storage::OpenPostgresSealer(target->options);
}

absl::StatusOr<SealingState> ReadSealingState(SessionSealer& sealer) {
  SealingState state;
  const auto marks = sealer.Marks();
  if (!marks.ok()) return marks.status();
  const auto hiding_key = sealer.HidingKey();
  if (!hiding_key.ok()) return hiding_key.status();
  state.hides_key_ids = !hiding_key->empty();
  for (const storage::KeyringMark& mark : *marks) state.sessions.under.emplace(mark.key_id, 0);
  const absl::Status read = ForEach(sealer, [&state](const SessionSealer::Session& session) {
    SealingState::Counts& counts = session.orphan == 0 ? state.sessions : state.orphans;
    ++(session.wrapped.empty() ? counts.plain : counts.under[std::string(storage::WrappedUnder(session.wrapped))]);
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return state;
}

absl::StatusOr<SealingReport> SealSessions(SessionSealer& sealer, const Keyring& keyring,
                                           const SealingProgress& progress) {
  if (absl::Status checked = CheckKeyring(sealer, keyring); !checked.ok()) return checked;
  const absl::StatusOr<bool> hides_key_ids = BringHidingKey(sealer, keyring);
  if (!hides_key_ids.ok()) return hides_key_ids.status();
  SealingReport report;
  bool changed_meanwhile = true;
  for (int pass = 0; pass < kMaxPasses && changed_meanwhile; ++pass) {
    changed_meanwhile = false;
    report.failed.clear();
    std::uint64_t looked_at = 0;
    const absl::Status passed = ForEach(sealer, [&](const SessionSealer::Session& session) -> absl::Status {
      progress(++looked_at);
      if (IsThere(session, keyring)) return absl::OkStatus();
      const absl::StatusOr<bool> done = storage::HidesKeyIds(session.wrapped) == *hides_key_ids
                                            ? Bring(sealer, session, keyring, &report)
                                            : storage::DamagedSession();
      if (absl::IsDataLoss(done.status())) {
        report.failed.emplace_back(NameOf(session), done.status());
      } else if (!done.ok()) {
        return done.status();
      } else if (!*done) {
        changed_meanwhile = true;
      }
      return absl::OkStatus();
    });
    if (!passed.ok()) return passed;
  }
  if (changed_meanwhile) {
    return absl::UnavailableError("others changed, or have locked, some sessions all the while; run it again");
  }
  if (!report.failed.empty()) return report;
  auto unused = sealer.ForgetUnused(keyring.active());
  if (!unused.ok()) return unused.status();
  report.unused = *std::move(unused);
  return report;
}

}  // namespace authstate::migrations
