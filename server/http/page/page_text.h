#ifndef AUTHSTATE_SERVER_HTTP_PAGE_PAGE_TEXT_H_
#define AUTHSTATE_SERVER_HTTP_PAGE_PAGE_TEXT_H_

#include "absl/strings/string_view.h"

// The files of this folder, as they were when the program was built (page_text.cc.in).
namespace authstate::server {

extern const absl::string_view kPageHtml;
extern const absl::string_view kPageStyle;
extern const absl::string_view kPageScript;

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_PAGE_PAGE_TEXT_H_
