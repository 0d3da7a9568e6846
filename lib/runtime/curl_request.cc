#include "lib/runtime/curl_request.h"

namespace mold::runtime {
namespace {

// The material's file where there is one, else the caller's.
const std::string& either(const PemFile* own, const std::string& given) {
  return own != nullptr && !own->path().empty() ? own->path() : given;
}

bool is_clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

void set_curl_tls(CURL* easy, const HttpTls& tls, const PemFiles* files) {
  const std::string& ca = either(files ? &files->ca : nullptr, tls.ca_file);
  if (!ca.empty() || files != nullptr) {
    // That one and no other: without the second line the system's CAs are trusted beside ours, and
    // read anew, all hundred and more of them, for every connection. Who shows a certificate of
    // ours and has no CA to it trusts nobody.
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca.empty() ? nullptr : ca.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  const std::string& cert = either(files ? &files->cert : nullptr, tls.cert_file);
  if (!cert.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, cert.c_str());
    const std::string& key = either(files ? &files->key : nullptr, tls.key_file);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, key.c_str());
  }
  if (!tls.pinned_public_key.empty()) {
    curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, tls.pinned_public_key.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.verify_peer ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.verify_host ? 2L : 0L);
}

void set_curl_method(CURL* easy, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    if (request.method != "POST") {
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
  } else {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

Status check_http_request(const HttpRequest& request) {
  if (request.method.empty() || !is_clean(request.method) || !is_clean(request.url)) {
    return fail(ErrorKind::kInvalid, "malformed HTTP request");
  }
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !is_clean(name) || !is_clean(value)) {
      return fail(ErrorKind::kInvalid, "malformed HTTP header");
    }
  }
  return {};
}

curl_slist* make_curl_headers(const HttpRequest& request) {
  // Without "Expect:" curl waits a second for servers that do not know 100-continue.
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const auto& [name, value] : request.headers) {
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    list = curl_slist_append(list, line.c_str());
  }
  return list;
}

std::string printable_url(std::string_view url) {
  url = url.substr(0, url.find('?'));
  const auto host = url.find("://");
  const auto at = url.find('@');
  if (host != std::string_view::npos && at != std::string_view::npos && at > host) {
    return std::string(url.substr(0, host + 3)) + std::string(url.substr(at + 1, 200));
  }
  return std::string(url.substr(0, 200));
}

ErrorKind curl_error_kind(CURLcode code, bool sent) {
  const ErrorKind broken = sent ? ErrorKind::kUnknown : ErrorKind::kUnavailable;
  switch (static_cast<int>(code)) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return ErrorKind::kUnavailable;
    case CURLE_OPERATION_TIMEDOUT:
      return sent ? ErrorKind::kUnknown : ErrorKind::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorKind::kDenied;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return ErrorKind::kInvalid;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return sent ? ErrorKind::kUnknown : ErrorKind::kCorrupt;
    case CURLE_OUT_OF_MEMORY:
      return ErrorKind::kBusy;
    default:
      return broken;
  }
}

}  // namespace mold::runtime
