#include "lib/runtime/mhd_request.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdio>

#include "lib/base/text.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {

PeerAddress describe_peer(MHD_Connection* connection) {
  PeerAddress peer;
  const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return peer;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (info->client_addr->sa_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(info->client_addr);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    const void* const bytes = mapped ? static_cast<const void*>(&v6->sin6_addr.s6_addr[12])
                                     : static_cast<const void*>(&v6->sin6_addr);
    ::inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text.data(), text.size());
    peer.port = ntohs(v6->sin6_port);
  } else if (info->client_addr->sa_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(info->client_addr);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    peer.port = ntohs(v4->sin_port);
  }
  peer.text = text.data();
  return peer;
}

int socket_of(MHD_Connection* connection) {
  const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

gnutls_session_t session_of(MHD_Connection* connection) {
  const auto* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  return info == nullptr ? nullptr : static_cast<gnutls_session_t>(info->tls_session);
}

MHD_Result queue_reply(MHD_Connection* connection, const HttpReply& reply) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  if (!reply.content_type.empty()) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply.content_type.c_str());
  }
  for (const auto& [name, value] : reply.headers) {
    MHD_add_response_header(response, name.c_str(), value.c_str());
  }
  if (reply.close) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  const auto status = static_cast<unsigned>(reply.status);
  const MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

void split_uri(const std::string& raw_uri, ServerRequest& request) {
  std::string_view uri = raw_uri;
  if (const auto scheme = uri.find("://");
      scheme != std::string_view::npos && !uri.starts_with('/')) {
    const auto slash = uri.find('/', scheme + 3);
    uri = slash == std::string_view::npos ? "/" : uri.substr(slash);
  }
  const auto mark = uri.find('?');
  request.path = percent_decode(uri.substr(0, mark), false);
  if (mark != std::string_view::npos) request.raw_query = std::string(uri.substr(mark + 1));
  request.query = parse_query(request.raw_query);
}

void mhd_log(void*, const char* format, va_list args) {
  std::array<char, 512> text{};
  static_cast<void>(std::vsnprintf(text.data(), text.size(), format, args));
  log_debug("HTTP server: " + std::string(trim(text.data())));
}

HttpReply refuse(int status, std::string why) {
  return {status, std::move(why) + "\n", "text/plain", {}, true};
}

}  // namespace mold::runtime
