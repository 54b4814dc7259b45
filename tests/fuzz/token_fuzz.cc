// Tokens: any text that a caller shows as one.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "storage/grant.h"
#include "tests/fuzz/property.h"
#include "tokens/token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using authstate::fuzz::Hold;
  using authstate::tokens::Token;
  const absl::string_view text = authstate::fuzz::TextOf(data, size);
  const std::optional<Token> token = Token::Parse(text);
  if (!token.has_value()) return 0;
  Hold(token->Text() == text, "a token has one text");
  Hold(authstate::tokens::IsId(token->id()), "a token has an id");
  authstate::storage::Grant grant;
  token->PutInto(&grant);
  Hold(token->Matches(&grant), "a token is the one of its grant");
  Hold(!token->Matches(nullptr), "a token is that of no grant where there is none");
  return 0;
}
