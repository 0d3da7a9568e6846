// Golden directories: tests/golden/domain_xml/<case>/{README, given, expect}. With
// MOLD_GOLDEN_UPDATE set in the environment the expectations are written anew instead of compared.
#include "agentd/libvirt/domain_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

struct Given {
  core::VmSpec spec;
  std::vector<wire::PoolInfo> pools;  // none: all disks are files
  DomainIdentity identity;
  DomainDefaults defaults;
};

std::uint64_t number(const std::string& text) {
  return parse_number<std::uint64_t>(text).value();
}

void add_pool(Given& given, const std::string& kind, const std::string& path) {
  wire::PoolInfo pool;
  pool.id = PoolId{given.pools.size() + 1};
  pool.kind = core::parse_pool_kind(kind).value();
  pool.path = path;
  given.pools.push_back(pool);
}

std::vector<DiskSource> sources(const Given& given) {
  std::vector<DiskSource> out;
  if (given.pools.empty()) return out;
  for (const core::Disk& disk : given.spec.disks) {
    out.push_back(runtime::must(source_of(disk, given.pools.at(disk.pool.value - 1))));
  }
  return out;
}

// "name=value" lines; a disk is "disk=raw /path", of the latest pool ("pool=rbd rbd:vms").
Given read_given(const std::string& path) {
  Given given;
  for (const std::string& line : split(runtime::must(runtime::read_file(path)), '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = line.substr(0, equals);
    const std::string value = line.substr(equals + 1);
    if (key == "name") given.spec.name = value;
    if (key == "uuid") given.spec.uuid = value;
    if (key == "cpus") given.spec.cpus = static_cast<std::uint32_t>(number(value));
    if (key == "memory_bytes") given.spec.memory_bytes = number(value);
    if (key == "vm") given.identity.vm = VmId{number(value)};
    if (key == "generation") given.identity.generation = Generation{number(value)};
    if (key == "type") given.defaults.type = value;
    if (key == "bus") given.defaults.disk_bus = value;
    if (key == "cache") given.defaults.disk_cache = value;
    const std::size_t blank = value.find(' ');
    if (key == "pool") add_pool(given, value.substr(0, blank), value.substr(blank + 1));
    if (key == "source") given.pools.back().source = value;
    if (key == "user") given.pools.back().user = value;
    if (key == "key") given.pools.back().key = Secret(value);
    if (key == "disk") {
      core::Disk disk;
      disk.pool = PoolId{given.pools.size()};
      disk.format = value.substr(0, blank);
      disk.path = value.substr(blank + 1);
      given.spec.disks.push_back(disk);
    }
  }
  return given;
}

TEST(DomainXml, GoldenDirectories) {
  const std::string root = MOLD_GOLDEN_DIR;
  std::size_t cases = 0;
  for (const std::string& name : runtime::must(runtime::list_dir(root))) {
    SCOPED_TRACE(name);
    const std::string dir = root + "/" + name;
    ASSERT_TRUE(runtime::file_exists(dir + "/README"));
    const Given given = read_given(dir + "/given");
    const std::string xml =
        runtime::must(build_domain_xml(given.spec, given.identity, given.defaults, sources(given)));
    for (const wire::PoolInfo& pool : given.pools) {
      if (!pool.key.empty()) {
        EXPECT_THAT(xml, ::testing::Not(::testing::HasSubstr(pool.key.reveal())));
      }
    }
    if (std::getenv("MOLD_GOLDEN_UPDATE") != nullptr) {
      EXPECT_OK(runtime::write_file_atomic(dir + "/expect", xml));
    }
    EXPECT_EQ(xml, runtime::must(runtime::read_file(dir + "/expect")));
    const DomainDescription back = runtime::must(parse_domain_xml(xml));
    EXPECT_EQ(back.name, given.spec.name);
    EXPECT_EQ(back.uuid, given.spec.uuid);
    EXPECT_EQ(back.identity, given.identity);
    ASSERT_EQ(back.disk_paths.size(), given.spec.disks.size());
    for (std::size_t i = 0; i < back.disk_paths.size(); ++i) {
      EXPECT_EQ(back.disk_paths[i], given.spec.disks[i].path);
    }
    ++cases;
  }
  EXPECT_GE(cases, 6U);
}

Given sample() {
  Given given;
  given.spec.name = "vm";
  given.spec.uuid = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
  given.spec.memory_bytes = 4096;
  given.spec.disks = {{PoolId{1}, "/p/disk", "raw", "", 0}};
  given.identity = {VmId{7}, Generation{3}};
  return given;
}

TEST(DomainXml, MarkupInNamesStaysText) {
  for (const char* name : {"</name><on_crash>preserve</on_crash>", "a&amp;b", "\"'><!--",
                           "]]><![CDATA[", "&xxe;", "ünïcode 한국"}) {
    Given given = sample();
    given.spec.name = name;
    std::replace(given.spec.name.begin(), given.spec.name.end(), '/', '|');
    given.spec.disks[0].path = std::string("/p/") + name;
    const std::string xml =
        runtime::must(build_domain_xml(given.spec, given.identity, given.defaults));
    const DomainDescription back = runtime::must(parse_domain_xml(xml));
    EXPECT_EQ(back.name, given.spec.name);
    ASSERT_EQ(back.disk_paths.size(), 1U);
    EXPECT_EQ(back.disk_paths[0], given.spec.disks[0].path);
    EXPECT_EQ(back.identity, given.identity);
    EXPECT_THAT(xml, ::testing::Not(::testing::HasSubstr("preserve</on_crash>")));
  }
}

TEST(DomainXml, WhatNoDomainCanHaveIsRefused) {
  const auto refused = [](const std::function<void(core::VmSpec&)>& spoil) {
    Given given = sample();
    spoil(given.spec);
    const auto xml = build_domain_xml(given.spec, given.identity, given.defaults);
    return !xml && xml.error().kind == ErrorKind::kInvalid;
  };
  EXPECT_TRUE(refused([](auto& s) { s.name = ""; }));
  EXPECT_TRUE(refused([](auto& s) { s.name = "a/b"; }));
  EXPECT_TRUE(refused([](auto& s) { s.name = "a\nb"; }));
  EXPECT_TRUE(refused([](auto& s) { s.name = "a\x01"; }));
  EXPECT_TRUE(refused([](auto& s) { s.name = "\xff\xfe"; }));
  EXPECT_TRUE(refused([](auto& s) { s.name = std::string(300, 'a'); }));
  EXPECT_TRUE(refused([](auto& s) { s.uuid = "x"; }));
  EXPECT_TRUE(refused([](auto& s) { s.cpus = 0; }));
  EXPECT_TRUE(refused([](auto& s) { s.memory_bytes = 0; }));
  EXPECT_TRUE(refused([](auto& s) { s.disks[0].path = "relative"; }));
  EXPECT_TRUE(refused([](auto& s) { s.disks[0].path = "/a\tb"; }));
  EXPECT_TRUE(refused([](auto& s) { s.disks[0].format = "vmdk"; }));
  EXPECT_TRUE(refused([](auto& s) { s.disks.resize(27, s.disks[0]); }));
}

TEST(DomainXml, ADiskThatIsNotOfItsPoolsKindIsRefused) {
  Given given = sample();
  add_pool(given, "rbd", "rbd:vms");
  given.pools[0].source = "10.0.0.1";
  EXPECT_FALSE(source_of(given.spec.disks[0], given.pools[0]));
  given.spec.disks[0].path = "rbd:vms/7";
  const auto good = sources(given);
  EXPECT_TRUE(build_domain_xml(given.spec, given.identity, given.defaults, good));
  EXPECT_FALSE(build_domain_xml(given.spec, given.identity, given.defaults));  // not a file
  given.spec.disks[0].format = "qcow2";
  EXPECT_FALSE(build_domain_xml(given.spec, given.identity, given.defaults, good));
  given.pools[0].source = "";
  EXPECT_FALSE(source_of(given.spec.disks[0], given.pools[0]));
}

TEST(DomainXml, ForeignDomainsHaveNoIdentity) {
  const auto plain = parse_domain_xml("<domain type='kvm'><name>x</name></domain>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->identity, std::nullopt);
  const auto other = parse_domain_xml(
      "<domain><metadata><vm xmlns='urn:somebody' id='7' generation='1'/></metadata></domain>");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->identity, std::nullopt);
}

TEST(DomainXml, BrokenInputIsRefusedAndReachesNothing) {
  for (const char* xml :
       {"", "x", "<domain>", "<a/>",
        "<domain><metadata><m:vm xmlns:m='urn:mold-ha:domain:1'/>"
        "</metadata></domain>",
        "<domain><metadata><m:vm xmlns:m='urn:mold-ha:domain:1' id='-1' generation='1'/></metadata>"
        "</domain>"}) {
    EXPECT_FALSE(parse_domain_xml(xml)) << xml;
  }
  const auto entity = parse_domain_xml(
      "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><domain><name>&x;</name></domain>");
  EXPECT_EQ(entity ? entity->name : "", "");
  EXPECT_FALSE(parse_domain_xml(std::string(2 << 20, ' ')));
}

TEST(IdentityXml, IsReadWithAndWithoutNamespace) {
  const DomainIdentity expected{VmId{7}, Generation{3}};
  EXPECT_EQ(parse_identity_xml("<vm id=\"7\" generation=\"3\"/>").value(), expected);
  EXPECT_EQ(
      parse_identity_xml("<m:vm xmlns:m='urn:mold-ha:domain:1' id='7' generation='3'/>").value(),
      expected);
  for (const char* xml : {"<vm/>", "<vm id='0' generation='1'/>", "<vm id='7'/>", "<x id='7'/>",
                          "<vm id='99999999999999999999' generation='1'/>"}) {
    EXPECT_FALSE(parse_identity_xml(xml)) << xml;
  }
}

}  // namespace
}  // namespace mold::agentd
