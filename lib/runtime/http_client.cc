#include "lib/runtime/http_client.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <map>
#include <mutex>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/base/thin_tcp.h"
#include "lib/runtime/curl_request.h"

namespace mold::runtime {

std::string_view find_header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (iequals(key, name)) return value;
  }
  return {};
}

// One request. Alive while it is under way (the client holds it) or somebody holds its handle.
struct HttpHandle::State {
  HttpRequest request;
  std::function<void(Result<HttpResponse>)> done;
  HttpResponse response;
  std::shared_ptr<const PemFiles> pem_files;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  bool too_long = false;
  char error_text[CURL_ERROR_SIZE] = {};
  std::weak_ptr<HttpClient::Impl> client;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
};

namespace {

int from_epoll(std::uint32_t events) {
  int flags = 0;
  if ((events & EPOLLIN) != 0) flags |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) flags |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) flags |= CURL_CSELECT_ERR;
  return flags;
}

std::uint32_t to_epoll(int what) {
  std::uint32_t events = 0;
  if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
  return events;
}

long as_ms(Duration d) {
  return d.count() > 0 ? static_cast<long>(d.count()) : 1;
}

int on_new_socket(void*, curl_socket_t fd, curlsocktype) {
  make_thin_tcp(fd);
  return CURL_SOCKOPT_OK;
}

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct HttpClient::Impl : std::enable_shared_from_this<Impl> {
  using Request = HttpHandle::State;

  Impl(EventLoop& the_loop, const HttpClientLimits& limits);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  EventLoop& loop;
  CURLM* multi = nullptr;
  Timer timer;
  std::map<int, std::unique_ptr<IoSource>> sockets;
  std::map<CURL*, std::shared_ptr<Request>> running;
  PemCache pems;

  bool add(const std::shared_ptr<Request>& request);
  void drop(CURL* easy);
  void act(curl_socket_t fd, int flags);
  void reap();
  void cancel_all();
  static Result<HttpResponse> conclude(Request& state, CURLcode code);

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* per_socket);
  static int on_timer(CURLM* multi, long ms, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* request);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* request);
};

HttpClient::Impl::Impl(EventLoop& the_loop, const HttpClientLimits& limits)
    : loop(the_loop), timer(the_loop) {
  init_curl_once();
  multi = curl_multi_init();
  MOLD_CHECK(multi != nullptr, "no curl to be had");
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limits.total_connections);
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, limits.connections_per_origin);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, limits.idle_connections);
}

HttpClient::Impl::~Impl() {
  cancel_all();
  curl_multi_cleanup(multi);
}

void HttpClient::Impl::cancel_all() {
  const auto dropped = std::exchange(running, {});
  for (const auto& [easy, request] : dropped) {
    curl_multi_remove_handle(multi, easy);
    request->done = nullptr;
  }
}

int HttpClient::Impl::on_socket(CURL*, curl_socket_t fd, int what, void* raw, void*) {
  auto* const self = static_cast<Impl*>(raw);
  if (what == CURL_POLL_REMOVE) {
    self->sockets.erase(fd);
    return 0;
  }
  auto& source = self->sockets[fd];
  if (source) {
    source->set_events(to_epoll(what));
    return 0;
  }
  source = std::make_unique<IoSource>(
      self->loop, fd, to_epoll(what),
      [self, fd](std::uint32_t events) { self->act(fd, from_epoll(events)); });
  return 0;
}

int HttpClient::Impl::on_timer(CURLM*, long ms, void* raw) {
  auto* const self = static_cast<Impl*>(raw);
  if (ms < 0) {
    self->timer.cancel();
  } else {
    self->timer.start_after(Duration{ms}, [self] { self->act(CURL_SOCKET_TIMEOUT, 0); });
  }
  return 0;
}

std::size_t HttpClient::Impl::on_body(char* data, std::size_t size, std::size_t count, void* raw) {
  auto* const request = static_cast<Request*>(raw);
  const std::size_t bytes = size * count;
  auto& body = request->response.body;
  if (body.size() + bytes > request->request.max_response_bytes) {
    request->too_long = true;
    return 0;
  }
  body.append(data, bytes);
  return bytes;
}

std::size_t HttpClient::Impl::on_header(char* data, std::size_t size, std::size_t count,
                                        void* raw) {
  auto* const request = static_cast<Request*>(raw);
  const std::size_t bytes = size * count;
  const std::string_view line = trim(std::string_view(data, bytes));
  auto& headers = request->response.headers;
  if (line.starts_with("HTTP/")) {
    headers.clear();  // of an interim answer (100)
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    if (headers.size() >= 256) {
      request->too_long = true;
      return 0;
    }
    headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return bytes;
}

void HttpClient::Impl::act(curl_socket_t fd, int flags) {
  const auto keep = shared_from_this();
  int still_running = 0;
  curl_multi_socket_action(multi, fd, flags, &still_running);
  reap();
}

bool HttpClient::Impl::add(const std::shared_ptr<Request>& request) {
  const HttpRequest& r = request->request;
  auto files = pems.of(r.tls.material);
  if (!files) return false;
  request->pem_files = std::move(*files);
  CURL* const easy = curl_easy_init();
  if (easy == nullptr) return false;
  request->easy = easy;
  request->headers = make_curl_headers(r);
  curl_easy_setopt(easy, CURLOPT_URL, r.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, as_ms(r.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, as_ms(r.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error_text);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Impl::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, request.get());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Impl::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, request.get());
  if (r.thin_stream) curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, &on_new_socket);
  set_curl_method(easy, r);
  set_curl_tls(easy, r.tls, request->pem_files.get());
  if (r.auth) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(easy, CURLOPT_USERNAME, r.auth->user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, r.auth->password.reveal().c_str());
  }
  if (r.fresh_connection) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return false;
  running[easy] = request;
  return true;
}

void HttpClient::Impl::drop(CURL* easy) {
  const auto place = running.find(easy);
  if (place == running.end()) return;
  const auto request = std::move(place->second);
  running.erase(place);
  curl_multi_remove_handle(multi, easy);
}

void HttpClient::Impl::reap() {
  while (true) {
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi, &left);
    if (message == nullptr) return;
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    const auto place = running.find(message->easy_handle);
    if (place == running.end()) continue;
    const auto request = std::move(place->second);
    running.erase(place);
    auto result = conclude(*request, code);
    curl_multi_remove_handle(multi, request->easy);
    if (const auto call = std::exchange(request->done, nullptr)) call(std::move(result));
  }
}

Result<HttpResponse> HttpClient::Impl::conclude(Request& state, CURLcode code) {
  CURL* const easy = state.easy;
  long sent_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
  const bool sent = sent_bytes > 0;
  const HttpRequest& request = state.request;
  const std::string what = request.method + " " + printable_url(request.url);
  if (state.too_long) {
    const bool harmless = request.method == "GET" || request.method == "HEAD";
    return fail(harmless ? ErrorKind::kCorrupt : ErrorKind::kUnknown,
                what + ": the answer is too long");
  }
  if (code != CURLE_OK) {
    const std::string why = state.error_text[0] != '\0' ? std::string(state.error_text)
                                                        : std::string(curl_easy_strerror(code));
    return fail(curl_error_kind(code, sent), what + ": " + why);
  }
  HttpResponse response = std::move(state.response);
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &number);
  response.status = static_cast<int>(number);
  const char* address = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  if (address != nullptr) response.peer_address = address;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &number);
  response.peer_port = static_cast<int>(number);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &number);
  response.reused_connection = number == 0;
  curl_off_t micros = 0;
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &micros);
  response.took = Duration{micros / 1000};
  return response;
}

HttpHandle::HttpHandle() = default;
HttpHandle::HttpHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpHandle::HttpHandle(HttpHandle&&) noexcept = default;
HttpHandle::~HttpHandle() {
  cancel();
}

HttpHandle& HttpHandle::operator=(HttpHandle&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

void HttpHandle::cancel() {
  const auto state = std::exchange(state_, nullptr);
  if (!state) return;
  state->done = nullptr;
  if (const auto client = state->client.lock()) client->drop(state->easy);
}

bool HttpHandle::running() const {
  return state_ && state_->done;
}

HttpClient::HttpClient(EventLoop& loop, HttpClientLimits limits)
    : impl_(std::make_shared<Impl>(loop, limits)) {}
HttpClient::~HttpClient() {
  impl_->cancel_all();
}

HttpHandle HttpClient::send(HttpRequest request, std::function<void(Result<HttpResponse>)> done) {
  auto state = std::make_shared<HttpHandle::State>();
  state->request = std::move(request);
  state->done = std::move(done);
  state->client = impl_;
  Status started = check_http_request(state->request);
  if (started && !impl_->add(state)) started = fail(ErrorKind::kBusy, "no HTTP handle to be had");
  if (!started) {
    impl_->loop.post([weak = std::weak_ptr(state), error = started.error()] {
      const auto alive = weak.lock();
      if (!alive) return;
      if (const auto call = std::exchange(alive->done, nullptr)) call(fail(error));
    });
  }
  return HttpHandle(std::move(state));
}

std::size_t HttpClient::under_way() const {
  return impl_->running.size();
}

}  // namespace mold::runtime
