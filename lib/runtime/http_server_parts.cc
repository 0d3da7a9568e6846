#include "lib/runtime/http_server_parts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/base/thin_tcp.h"

namespace mold::runtime {
namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kMaxPatient = 256;
constexpr std::size_t kMaxDropped = 32 * 1024 * 1024;
constexpr Duration kPatience{2'000};

Error bind_error(int err, const std::string& where) {
  Error error = errno_error(err, "listening on " + where);
  if (err == EADDRINUSE) error.kind = ErrorKind::kConflict;
  if (err == EADDRNOTAVAIL) error.kind = ErrorKind::kInvalid;
  return error;
}

Result<UniqueFd> listen_one(const addrinfo& info, const std::string& where) {
  UniqueFd fd(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(bind_error(errno, where));
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  make_thin_tcp(fd.get());  // answers are small, and hosts wait for them
  if (info.ai_family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (::bind(fd.get(), info.ai_addr, info.ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return fail(bind_error(errno, where));
  }
  return fd;
}

}  // namespace

Result<UniqueFd> listen_on(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string where = address + " port " + std::to_string(port);
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return fail(ErrorKind::kInvalid, "'" + address + "' is not a numeric address");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &::freeaddrinfo);
  auto fd = listen_one(*found, where);
  if (!fd && address == "::") {  // a machine without IPv6
    if (auto v4 = listen_on("0.0.0.0", port); v4) return v4;
  }
  return fd;
}

Result<std::uint16_t> bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail(errno_error(errno, "asking for the port"));
  }
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

Result<std::shared_ptr<const ServerCredentials>> ServerCredentials::make(
    const TlsMaterial& material) {
  std::shared_ptr<ServerCredentials> made(new ServerCredentials);
  MOLD_TRY(std::vector<CertPtr> chain, import_chain(material.cert_pem));
  for (const auto& certificate : chain) {
    gnutls_pcert_st entry{};
    if (const int r = gnutls_pcert_import_x509(&entry, certificate.get(), 0); r < 0) {
      return fail(gnutls_error(r, "server certificate"));
    }
    made->chain_.push_back(entry);
  }
  if (made->chain_.empty()) return fail(ErrorKind::kInvalid, "no server certificate");
  MOLD_TRY(made->key_, import_private_key(material.key_pem));
  if (!material.ca_pem.empty()) {
    gnutls_x509_trust_list_t raw = nullptr;
    gnutls_x509_trust_list_init(&raw, 0);
    made->trust_.reset(raw);
    const gnutls_datum_t data = as_datum(material.ca_pem);
    const int r =
        gnutls_x509_trust_list_add_trust_mem(raw, &data, nullptr, GNUTLS_X509_FMT_PEM, 0, 0);
    if (r <= 0) return fail(gnutls_error(r, "client CA"));
  }
  return std::shared_ptr<const ServerCredentials>(std::move(made));
}

ServerCredentials::~ServerCredentials() {
  for (auto& entry : chain_) gnutls_pcert_deinit(&entry);
}

void ServerCredentials::present(gnutls_pcert_st** chain, unsigned* length,
                                gnutls_privkey_t* key) const {
  *chain = chain_.data();
  *length = static_cast<unsigned>(chain_.size());
  *key = key_.get();
}

PeerVerdict ServerCredentials::verify(gnutls_session_t session) const {
  PeerVerdict verdict;
  unsigned count = 0;
  const gnutls_datum_t* const sent = gnutls_certificate_get_peers(session, &count);
  if (sent == nullptr || count == 0) {
    verdict.problem = "no client certificate was sent";
    return verdict;
  }
  std::vector<CertPtr> chain;
  std::vector<gnutls_x509_crt_t> raw;
  for (unsigned i = 0; i < count && i < 16; ++i) {
    const std::string_view der(reinterpret_cast<const char*>(sent[i].data), sent[i].size);
    auto certificate = import_certificate(der, GNUTLS_X509_FMT_DER);
    if (!certificate) {
      verdict.problem = certificate.error().what;
      return verdict;
    }
    raw.push_back(certificate->get());
    chain.push_back(std::move(*certificate));
  }
  std::string purpose = GNUTLS_KP_TLS_WWW_CLIENT;
  gnutls_typed_vdata_st wish{};
  wish.type = GNUTLS_DT_KEY_PURPOSE_OID;
  wish.data = reinterpret_cast<unsigned char*>(purpose.data());
  unsigned status = 0;
  const int r = gnutls_x509_trust_list_verify_crt2(
      trust_.get(), raw.data(), static_cast<unsigned>(raw.size()), &wish, 1, 0, &status, nullptr);
  if (r < 0) {
    verdict.problem = gnutls_strerror(r);
    return verdict;
  }
  CertificateInfo info = describe_certificate(raw.front());
  if (status != 0) {
    gnutls_datum_t text{};
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    verdict.problem.assign(reinterpret_cast<char*>(text.data), text.size);
    gnutls_free(text.data);
    verdict.problem = std::string(trim(verdict.problem)) + " (" + info.common_name + ")";
    return verdict;
  }
  verdict.certificate = PeerCertificate{std::move(info.common_name), std::move(info.fingerprint),
                                        std::move(info.serial)};
  return verdict;
}

void PatientClose::take(int fd) {
  char peek = 0;
  // 0: the client has closed, too, and nothing can be lost any more.
  if (::recv(fd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) == 0 || sockets_.size() >= kMaxPatient) return;
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return;
  ::shutdown(own.get(), SHUT_WR);
  const auto place = sockets_.emplace(sockets_.begin());
  place->fd = std::move(own);
  place->source = std::make_unique<IoSource>(loop_, place->fd.get(), EPOLLIN,
                                             [this, place](auto) { drain(place); });
  place->timer = std::make_unique<Timer>(loop_);
  place->timer->start_after(kPatience, [this, place] { sockets_.erase(place); });
}

void PatientClose::drain(Place place) {
  std::array<char, 65536> buffer;
  for (int i = 0; i < 8; ++i) {
    const ssize_t n = ::recv(place->fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) place->dropped += static_cast<std::size_t>(n);
    if (n <= 0 || place->dropped > kMaxDropped) {
      place->source.reset();
      sockets_.erase(place);
      return;
    }
  }
}

}  // namespace mold::runtime
