#pragma once
// What an HttpRequest means to curl, and what curl's answer means to us; for the .cc files of this
// folder only. Any thread.
#include <curl/curl.h>

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/pem_file.h"

namespace mold::runtime {

// kInvalid: line breaks or NUL where they would forge another header.
Status check_http_request(const HttpRequest& request);
void set_curl_method(CURL* easy, const HttpRequest& request);  // keeps pointers into the request
// `files` are the material's, or null; they must outlive the transfer.
void set_curl_tls(CURL* easy, const HttpTls& tls, const PemFiles* files);
curl_slist* make_curl_headers(const HttpRequest& request);  // the caller frees it

// `sent`: some of the request had left when it went wrong.
ErrorKind curl_error_kind(CURLcode code, bool sent);
// Without the query, which may be long and may hold a signature, and without user:password@.
std::string printable_url(std::string_view url);

}  // namespace mold::runtime
