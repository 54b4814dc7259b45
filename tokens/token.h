#ifndef AUTHSTATE_TOKENS_TOKEN_H_
#define AUTHSTATE_TOKENS_TOKEN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "storage/grant.h"

// The token that a caller shows: `as_<id>_<secret>`, 72 characters.
//
//   id      16 random characters of a-z2-7 (80 bits). Names the token, in lists and logs too; no secret.
//   secret  52 random characters of a-z2-7 (260 bits). Stored is only what it is checked by (HashUnder).
//
// No character of it means anything to a shell, a URL or a header, and a double click selects it whole.
namespace authstate::tokens {

inline constexpr std::size_t kIdBytes = 16;
inline constexpr std::size_t kSecretBytes = 52;

// A random id, for a token or for the grant of a certificate.
std::string NewId();

// Whether `text` has the form of an id.
bool IsId(absl::string_view text);

// A token with its secret, which is wiped from memory when this ends. Not copied, as each copy would have to be wiped.
class Token {
 public:
  // A new secret, for a new id or the one of a token whose secret is to be replaced.
  static Token New(std::string id = NewId());
  // What a caller has shown; nullopt when it has not the form of a token. What the time that this takes depends on is
  // the text alone.
  static std::optional<Token> Parse(absl::string_view text);

  Token(Token&& other) noexcept = default;
  Token& operator=(Token&& other) noexcept;
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  ~Token() { Wipe(&secret_); }

  const std::string& id() const { return id_; }
  // The whole of it, to be shown once; whoever keeps it for longer than that wipes it.
  std::string Text() const;

  // Gives `grant` the id, and what the secret is checked by, under a new random key.
  void PutInto(storage::Grant* grant) const;

  // Whether the token is the one of `grant`; whether that is still in force is not asked. The comparison takes as long
  // whatever the secrets have in common, and so does one with no grant (null), which is false.
  bool Matches(const storage::Grant* grant) const;

  // Overwrites what a string holds, and empties it.
  static void Wipe(std::string* text);

 private:
  Token(std::string id, std::string secret) : id_(std::move(id)), secret_(std::move(secret)) {}

  // The keyed BLAKE2b of the secret, as Grant::hash has it. The secret is random in all its bits, so a slow hash, which
  // passwords need, would protect nothing here and cost every call.
  std::string HashUnder(absl::string_view key) const;

  std::string id_;
  // Longer than what a string keeps within itself, so that moving it leaves no copy.
  std::string secret_;
};

}  // namespace authstate::tokens

#endif  // AUTHSTATE_TOKENS_TOKEN_H_
