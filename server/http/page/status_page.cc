#include "server/http/page/status_page.h"

#include <openssl/sha.h>

#include <array>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "server/http/page/page_text.h"

namespace authstate::server {
namespace {

// A source of Content-Security-Policy that is this text alone.
std::string HashSource(absl::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return absl::StrCat(
      "'sha256-", absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size())),
      "'");
}

HttpResponse MakePage() {
  HttpResponse page;
  page.content_type = "text/html; charset=utf-8";
  page.body = absl::StrReplaceAll(kPageHtml, {{"{{style}}", kPageStyle}, {"{{script}}", kPageScript}});
  page.fields = {
      {"Content-Security-Policy",
       absl::StrCat("default-src 'none'; script-src ", HashSource(kPageScript), "; style-src ", HashSource(kPageStyle),
                    "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  return page;
}

}  // namespace

HttpResponse StatusPage() {
  static const auto* const page = new HttpResponse(MakePage());
  return *page;
}

}  // namespace authstate::server
