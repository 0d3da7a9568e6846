#pragma once
// Reading a request out of libmicrohttpd and putting a reply into it; for the .cc files of this
// folder only. Loop thread.
#include <microhttpd.h>

#include <cstdarg>
#include <string>

#include "lib/runtime/http_server.h"
#include "lib/runtime/http_server_parts.h"

namespace mold::runtime {

PeerAddress describe_peer(MHD_Connection* connection);
int socket_of(MHD_Connection* connection);                // -1 when there is none
gnutls_session_t session_of(MHD_Connection* connection);  // null without TLS
// Fills path, raw_query and query from "/path?query" or "http://host/path?query".
void split_uri(const std::string& raw_uri, ServerRequest& request);

HttpReply refuse(int status, std::string why);  // plain text; closes the connection
MHD_Result queue_reply(MHD_Connection* connection, const HttpReply& reply);
void mhd_log(void* unused, const char* format, va_list args);

}  // namespace mold::runtime
