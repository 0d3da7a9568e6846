#include "manager/power/power_targets.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"
#include "manager/inventory/checks.h"

namespace mold::manager {
namespace {

// What ipmitool and IPMI 2.0 itself take; longer ones are cut off silently or refused at the time
// of need.
constexpr std::size_t kIpmiUserMost = 16;
constexpr std::size_t kIpmiPasswordMost = 20;
constexpr std::size_t kMadePassword = 16;
constexpr Instant kFarAway{std::numeric_limits<std::int64_t>::max()};

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Of OobmSettings or a FenceDevice, without its password.
template <class Record>
port::PowerTarget plain_target(const Record& record) {
  port::PowerTarget target;
  target.driver = record.driver;
  target.address = record.address;
  target.port = record.port;
  target.username = record.username;
  target.options = record.options;
  return target;
}

}  // namespace

PowerTargets::PowerTargets(Inventory& inventory, const SecretBox& box,
                           const port::PowerControl& driver, Options options)
    : inventory_(inventory),
      box_(box),
      driver_(driver),
      options_(std::move(options)),
      doubt_until_(runtime::boot_time_now() + options_.late_change) {}

Result<PowerTargets::Opened> PowerTargets::open(Feed feed) const {
  const HostRecord* const host = inventory_.hosts().find_live(feed.host);
  if (host == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  return feed.device ? open_device(feed.host, feed.device) : open_bmc(*host);
}

Result<PowerTargets::Opened> PowerTargets::open_bmc(const HostRecord& host) const {
  if (!host.oobm.configured || !host.oobm.enabled)
    return fail(ErrorKind::kUnsupported, "out-of-band management is not configured and enabled");
  Opened opened;
  opened.target = plain_target(host.oobm);
  MOLD_TRY(opened.target.password, box_.open_oobm_password(host));
  if (host.oobm.pending_password.empty()) return opened;
  MOLD_TRY(opened.other, box_.open_pending_password(host));
  opened.change = host.oobm.pending_password;
  return opened;
}

Result<PowerTargets::Opened> PowerTargets::open_device(HostId host, DeviceId id) const {
  const FenceDevice* const device = inventory_.fence_devices().find(id);
  if (device == nullptr || device->host != host)
    return fail(ErrorKind::kNotFound, "no such fence device");
  if (!device->enabled)
    return fail(ErrorKind::kUnsupported, "fence device " + device->name + " is switched off");
  Opened opened;
  opened.target = plain_target(*device);
  MOLD_TRY(opened.target.password, box_.open_device_password(*device));
  return opened;
}

Status PowerTargets::check(const port::PowerTarget& target) const {
  const auto& drivers = options_.drivers;
  if (std::find(drivers.begin(), drivers.end(), target.driver) == drivers.end())
    return fail(ErrorKind::kInvalid, "driver: must be one of " + joined_names(drivers));
  MOLD_TRY_VOID(check_address("address", target.address));
  if (!target.port.empty()) {
    const auto port = parse_number<std::uint16_t>(target.port);
    if (!port || *port == 0) return fail(ErrorKind::kInvalid, "port: must be from 1 to 65535");
  }
  if (target.driver == "ipmitool") {
    if (target.username.size() > kIpmiUserMost)
      return fail(ErrorKind::kInvalid, "username: IPMI takes at most 16 bytes");
    if (target.password.reveal().size() > kIpmiPasswordMost)
      return fail(ErrorKind::kInvalid, "password: IPMI takes at most 20 bytes");
  }
  return driver_.check(target);
}

Result<bool> PowerTargets::configure(HostId host, const OobmSettings& settings,
                                     const Secret& password) {
  const HostRecord* const old = inventory_.hosts().find_live(host);
  if (old == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  if (settings.address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
  if (settings.port.empty()) return fail(ErrorKind::kInvalid, "port: must not be empty");
  port::PowerTarget target = plain_target(settings);
  target.password = password;
  MOLD_TRY_VOID(check(target));
  MOLD_TRY_VOID(check_name("username", settings.username));
  HostRecord record = *old;
  record.oobm = settings;
  record.oobm.configured = true;
  record.oobm.enabled = old->oobm.enabled;
  record.oobm.pending_password.clear();
  MOLD_TRY(record.oobm.sealed_password, box_.seal_oobm_password(record.uuid, password));
  // A password that cannot be opened, or of which two may hold, is not the same one.
  port::PowerTarget before = plain_target(old->oobm);
  const auto known = box_.open_oobm_password(*old);
  if (known) before.password = *known;
  const bool same = old->oobm.configured && old->oobm.pending_password.empty() &&
                    known.has_value() && before == target;
  MOLD_TRY_VOID(inventory_.update(record));
  return !same;
}

Result<FenceDevice> PowerTargets::add(FenceDevice device, const Secret& password) {
  port::PowerTarget target = plain_target(device);
  target.password = password;
  MOLD_TRY_VOID(check(target));
  device.uuid = runtime::new_uuid();
  if (!password.empty()) {
    MOLD_TRY(device.sealed_password, box_.seal_device_password(device.uuid, password));
  }
  return inventory_.create(std::move(device));
}

Result<bool> PowerTargets::update(FenceDevice device, const std::optional<Secret>& password) {
  port::PowerTarget target = plain_target(device);
  const FenceDevice* const old = inventory_.fence_devices().find(device.id);
  if (old == nullptr) return fail(ErrorKind::kNotFound, "no such fence device");
  port::PowerTarget before = plain_target(*old);
  const auto known = box_.open_device_password(*old);
  if (known) before.password = *known;
  if (password) {
    target.password = *password;
    MOLD_TRY(device.sealed_password, box_.seal_device_password(device.uuid, *password));
  } else {
    // The stored password is for that device; elsewhere somebody else would get to see it.
    if (!old->sealed_password.empty() && plain_target(*old) != target)
      return fail(ErrorKind::kInvalid, "password: to be given again, as the device is another one");
    MOLD_TRY(target.password, box_.open_device_password(device));
  }
  MOLD_TRY_VOID(check(target));
  const bool same = known.has_value() && before == target;
  MOLD_TRY_VOID(inventory_.update(device));
  return !same;
}

Status PowerTargets::check_change(HostId host, const Secret& fresh) const {
  const HostRecord* const old = inventory_.hosts().find_live(host);
  if (old == nullptr) return fail(ErrorKind::kNotFound, "no such host");
  if (!old->oobm.pending_password.empty()) {
    return fail(ErrorKind::kConflict,
                "an earlier change of the password is not settled: whether the old or the new one "
                "holds shows at the next login; read the power state, or configure the BMC anew");
  }
  port::PowerTarget target = plain_target(old->oobm);
  target.password = fresh;
  if (fresh.empty()) return fail(ErrorKind::kInvalid, "password: must not be empty");
  return check(target);
}

Result<std::string> PowerTargets::begin_change(HostId host, const Secret& fresh) {
  MOLD_TRY_VOID(check_change(host, fresh));
  HostRecord record = *inventory_.hosts().find_live(host);
  MOLD_TRY(record.oobm.pending_password, box_.seal_oobm_password(record.uuid, fresh));
  MOLD_TRY_VOID(inventory_.update(record));
  changes_[host] = kFarAway;
  return record.oobm.pending_password;
}

void PowerTargets::end_change(HostId host, const std::string& change, core::Outcome outcome) {
  changes_[host] = runtime::boot_time_now() + options_.late_change;
  if (outcome != core::Outcome::kUnknown)
    settle(host, change, outcome == core::Outcome::kConfirmed);
}

void PowerTargets::on_login(HostId host, const std::string& change, bool with_new) {
  const auto known = changes_.find(host);
  const Instant doubt_until = known == changes_.end() ? doubt_until_ : known->second;
  if (!with_new && runtime::boot_time_now() < doubt_until) return;
  settle(host, change, with_new);
}

// When the store cannot take it now, the next login comes here again.
void PowerTargets::settle(HostId host, const std::string& change, bool with_new) {
  const HostRecord* const old = inventory_.hosts().find_live(host);
  if (old == nullptr || old->oobm.pending_password != change) return;  // configured anew since
  HostRecord record = *old;
  if (with_new) record.oobm.sealed_password = record.oobm.pending_password;
  record.oobm.pending_password.clear();
  if (const Status done = inventory_.update(record); !done) {
    runtime::log_warning("BMC of " + record.name +
                         ": which password holds could not be stored: " + done.error().text());
  }
}

Secret make_bmc_password() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
  static_assert(kLetters.size() == 64);
  const auto has = [](const std::string& text, char first, char last) {
    return std::any_of(text.begin(), text.end(), [&](char c) { return c >= first && c <= last; });
  };
  for (;;) {
    std::string bytes = runtime::random_bytes(kMadePassword);
    for (char& c : bytes) c = kLetters[static_cast<unsigned char>(c) % kLetters.size()];
    // BMCs ask for a mixture, and a leading dot or underscore helps nobody.
    const bool mixed = has(bytes, 'A', 'Z') && has(bytes, 'a', 'z') && has(bytes, '0', '9');
    if (mixed && bytes[0] != '_' && bytes[0] != '.') return Secret(std::move(bytes));
    wipe(bytes);
  }
}

}  // namespace mold::manager
