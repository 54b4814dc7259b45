#ifndef AUTHSTATE_SERVER_HTTP_PAGE_STATUS_PAGE_H_
#define AUTHSTATE_SERVER_HTTP_PAGE_STATUS_PAGE_H_

#include "server/http/http_handler.h"

namespace authstate::server {

// The page for people, which reads /status.json by itself: status.html of this folder with style and script in it. Its
// head lets a browser load nothing else, run no other script, and ask no other server. It holds nothing of this server,
// so everybody may have it.
HttpResponse StatusPage();

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_PAGE_STATUS_PAGE_H_
