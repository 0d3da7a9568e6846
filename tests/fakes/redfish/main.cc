// mold-redfish-fake: Redfish BMCs in software for benches and command lines. Tells each port on
// stdout once it serves ("listening 127.0.0.1:8443"), and ends on SIGTERM or SIGINT.
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "lib/runtime/files.h"
#include "tests/fakes/redfish/certificate.h"
#include "tests/fakes/redfish/redfish_fake.h"

namespace {

namespace po = boost::program_options;
using mold::fake::RedfishFake;
using mold::fake::RedfishFakeOptions;

po::options_description known_options() {
  po::options_description known("mold-redfish-fake");
  auto add = known.add_options();
  add("help", "this text");
  add("port", po::value<std::uint16_t>()->default_value(0), "first port; 0: any free one");
  add("count", po::value<int>()->default_value(1), "BMCs, on ports that follow each other");
  add("address", po::value<std::string>()->default_value("127.0.0.1"), "numeric");
  add("profile", po::value<std::string>()->default_value("prompt"), "see --help for the names");
  add("late-ms", po::value<long>()->default_value(-1),
      "power changes that late; -1: the profile's");
  add("http", "without TLS");
  add("cert", po::value<std::string>(),
      "folder with cert.pem and key.pem, made when they are not there");
  add("state", po::value<std::string>(),
      "file with the power, on or off; with --count: FILE.0, FILE.1, ...");
  add("user", po::value<std::string>()->default_value("ADMIN"), "");
  add("password-file", po::value<std::string>(), "default password: contract-secret");
  return known;
}

mold::Result<std::shared_ptr<const mold::runtime::TlsMaterial>> certificate_in(
    const std::string& folder, const std::string& name) {
  const std::string cert = folder + "/cert.pem";
  const std::string key = folder + "/key.pem";
  if (!mold::runtime::file_exists(cert)) {
    const auto made = mold::fake::make_self_signed(name);
    MOLD_TRY_VOID(mold::runtime::make_dirs(folder));
    MOLD_TRY_VOID(mold::runtime::write_file_atomic(key, made->key_pem.reveal(), 0600));
    MOLD_TRY_VOID(mold::runtime::write_file_atomic(cert, made->cert_pem));
  }
  MOLD_TRY(auto material, mold::runtime::load_tls({.ca = {}, .cert = cert, .key = key}));
  return std::make_shared<const mold::runtime::TlsMaterial>(std::move(material));
}

mold::Result<RedfishFakeOptions> read_options(const po::variables_map& given) {
  RedfishFakeOptions options;
  const auto profile = mold::fake::redfish_profile(given["profile"].as<std::string>());
  if (!profile) return mold::fail(mold::ErrorKind::kInvalid, "no such profile");
  options.profile = *profile;
  if (const long late = given["late-ms"].as<long>(); late >= 0) {
    options.profile.late = mold::Duration{late};
  }
  options.address = given["address"].as<std::string>();
  options.tls = !given.contains("http");
  options.user = given["user"].as<std::string>();
  if (given.contains("password-file")) {
    MOLD_TRY(const std::string text,
             mold::runtime::read_file(given["password-file"].as<std::string>(), 4096));
    options.password = mold::Secret(text.substr(0, text.find('\n')));
  }
  if (options.tls && given.contains("cert")) {
    MOLD_TRY(options.material,
             certificate_in(given["cert"].as<std::string>(), options.profile.certificate_name));
  }
  return options;
}

mold::Result<std::vector<std::unique_ptr<RedfishFake>>> start_all(mold::runtime::EventLoop& loop,
                                                                  const po::variables_map& given,
                                                                  RedfishFakeOptions options) {
  std::vector<std::unique_ptr<RedfishFake>> fakes;
  const auto first = given["port"].as<std::uint16_t>();
  const int count = given["count"].as<int>();
  for (int i = 0; i < count; ++i) {
    options.port = static_cast<std::uint16_t>(first == 0 ? 0 : first + i);
    if (given.contains("state")) {
      options.state_file = given["state"].as<std::string>();
      if (count > 1) options.state_file += "." + std::to_string(i);
    }
    MOLD_TRY(auto fake, RedfishFake::start(loop, options));
    std::printf("listening %s:%u\n", options.address.c_str(), static_cast<unsigned>(fake->port()));
    fakes.push_back(std::move(fake));
  }
  std::fflush(stdout);
  return fakes;
}

int run(const po::variables_map& given) {
  auto loop = mold::runtime::EventLoop::create();
  if (!loop || !(*loop)->on_signals([&](int) { (*loop)->stop(0); })) return 1;
  const auto options = read_options(given);
  if (!options) {
    std::cerr << "mold-redfish-fake: " << options.error().what << "\n";
    return 2;
  }
  const auto fakes = start_all(**loop, given, *options);
  if (!fakes) {
    std::cerr << "mold-redfish-fake: " << fakes.error().what << "\n";
    return 1;
  }
  return (*loop)->run();
}

}  // namespace

int main(int argc, char** argv) {
  const po::options_description known = known_options();
  po::variables_map given;
  try {
    po::store(po::parse_command_line(argc, argv, known), given);
  } catch (const po::error& error) {
    std::cerr << "mold-redfish-fake: " << error.what() << "\n";
    return 2;
  }
  if (!given.contains("help")) return run(given);
  std::cout << known << "\nprofiles:";
  for (const std::string& name : mold::fake::redfish_profile_names()) std::cout << " " << name;
  std::cout << "\n";
  return 0;
}
