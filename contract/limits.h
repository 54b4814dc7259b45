#ifndef AUTHSTATE_CONTRACT_LIMITS_H_
#define AUTHSTATE_CONTRACT_LIMITS_H_

#include <cstddef>
#include <cstdint>

// The limits of the contract, in bytes unless said otherwise. The one home of these numbers: the server enforces them,
// GetServerInfo reports them, proto/authstate/v1/value.proto and docs/options.md document them.
namespace authstate {

inline constexpr std::size_t kMaxSessionIdBytes = 128;
inline constexpr std::size_t kMaxOwnerBytes = 128;
inline constexpr std::size_t kMaxKeyTypeBytes = 64;
inline constexpr std::size_t kMaxKeyIdBytes = 512;
inline constexpr std::size_t kMaxValueBytes = std::size_t{8} << 20;
// All values of one commit together; also the values that one GetKeys answers.
inline constexpr std::size_t kMaxCommitBytes = std::size_t{32} << 20;
// Operations of one commit; also ids of one GetKeys.
inline constexpr std::size_t kMaxCommitOperations = 10'000;
// One message on the wire, in both directions. Above kMaxCommitBytes, so that a commit at its limit fits with its keys.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 20;

inline constexpr std::size_t kMaxLoadPageBytes = std::size_t{32} << 20;
inline constexpr std::size_t kDefaultLoadPageBytes = std::size_t{1} << 20;
// Sessions in one page of ListSessions.
inline constexpr std::size_t kMaxListPageSize = 1'000;
inline constexpr std::size_t kDefaultListPageSize = 100;
// Types that LoadSession may be asked for.
inline constexpr std::size_t kMaxSelectedTypes = 100;
// How long ago something may be asked to be, in days.
inline constexpr std::int64_t kMaxAgeDays = 36'500;

// For how long a lease may be had at once, in seconds.
inline constexpr std::int64_t kMinLeaseSeconds = 1;
inline constexpr std::int64_t kMaxLeaseSeconds = 3'600;

// What the label, the name and the scopes of a grant may have at most.
inline constexpr std::size_t kMaxTokenLabelBytes = 200;
inline constexpr std::size_t kMaxCertificateNameBytes = 300;
inline constexpr std::size_t kMaxTokenScopes = 100;
inline constexpr std::int64_t kMinTokenSeconds = 1;
inline constexpr std::int64_t kMaxTokenDays = 36'500;

// Levels of arrays and objects in one JSON value.
inline constexpr int kMaxJsonDepth = 128;

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_LIMITS_H_
