// The driver `pacemaker` and the watch over a cluster, against programs that say what
// Pacemaker 2.1.5 says. The same against a real cluster: tests/lab/pacemaker.
#include "fencing/drivers/pacemaker.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "fencing/drivers/cluster_devices.h"
#include "fencing/drivers/pacemaker_text.h"
#include "fencing/pacemaker_watch.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr Duration kPatience = 30s;

std::string event(const std::string& action, const std::string& target, const std::string& client,
                  const std::string& status) {
  return "<fence_event action=\"" + action + "\" target=\"" + target + "\" client=\"" + client +
         "\" origin=\"h1\" status=\"" + status +
         "\" delegate=\"h1\" completed=\"2026-11-21 16:09:31Z\"/>";
}
std::string history(const std::string& events) {
  return "<pacemaker-result api-version=\"2.25\" request=\"stonith_admin\"><list name=\"fencing "
         "history\" count=\"1\">" +
         events + "</list><status code=\"0\" message=\"OK\"/></pacemaker-result>";
}

TEST(PacemakerText, OnlyOurOwnCompletedOffIsASuccess) {
  const auto seen = [](const std::string& events) {
    return find_fencing(history(events), "h3", "mold-1");
  };
  EXPECT_EQ(seen(event("off", "h3", "(null).mold-1.102", "success")), FencingSeen::kSuccess);
  EXPECT_EQ(seen(event("off", "h3", "stonith_admin.mold-1.7", "success")), FencingSeen::kSuccess);
  EXPECT_EQ(seen(event("off", "h3", "(null).mold-12.102", "success")), FencingSeen::kNotThere);
  EXPECT_EQ(seen(event("off", "h33", "(null).mold-1.102", "success")), FencingSeen::kNotThere);
  EXPECT_EQ(seen(event("on", "h3", "(null).mold-1.102", "success")), FencingSeen::kNotThere);
  EXPECT_EQ(seen(event("reboot", "h3", "(null).mold-1.102", "success")), FencingSeen::kNotThere);
  EXPECT_EQ(seen(event("off", "h3", "(null).mold-1.102", "failed")), FencingSeen::kFailed);
  EXPECT_EQ(seen(event("off", "h3", "(null).mold-1.102", "pending")), FencingSeen::kPending);
  EXPECT_EQ(seen(""), FencingSeen::kNotThere);
  for (const char* text : {"", "not xml", "<a>", "<pacemaker-result/>"}) {
    EXPECT_EQ(find_fencing(text, "h3", "mold-1"), FencingSeen::kNotThere) << text;
  }
}

TEST(PacemakerText, RefusalsTellWhatToDo) {
  const std::string xml =
      "<pacemaker-result><status code=\"105\" message=\"No such object\"><errors><error>Couldn't "
      "fence nobody: No such device</error></errors></status></pacemaker-result>";
  EXPECT_EQ(read_refusal(105, xml).error, ErrorKind::kNotFound);
  EXPECT_NE(read_refusal(105, xml).advice.find("No such device"), std::string::npos);
  EXPECT_EQ(read_refusal(102, "").error, ErrorKind::kUnavailable);
  EXPECT_EQ(read_refusal(4, "").error, ErrorKind::kDenied);
  EXPECT_FALSE(read_refusal(1, "").nothing_done) << "a device may have been asked";
}

std::string device(const std::string& type, const std::string& pairs = {}) {
  return "<primitive id=\"fence\" class=\"stonith\" type=\"" + type +
         "\"><instance_attributes id=\"i\">" + pairs + "</instance_attributes></primitive>";
}
std::string pair(const std::string& name, const std::string& value) {
  return "<nvpair id=\"p-" + name + "\" name=\"" + name + "\" value=\"" + value + "\"/>";
}
std::string cib(const std::string& resources, const std::string& options = {}) {
  return "<configuration><crm_config><cluster_property_set id=\"o\">" + options +
         "</cluster_property_set></crm_config><resources><primitive id=\"s\" class=\"ocf\" "
         "provider=\"heartbeat\" type=\"Dummy\"/>" +
         resources + "</resources></configuration>";
}

TEST(ClusterAgents, OnlyPowerDevicesAreTaken) {
  const auto agents = read_cluster_agents(
      cib("<group id=\"g\">" + device("fence_ipmilan", pair("missing_as_off", "0")) + "</group>" +
              device("fence_mold") +
              "<template id=\"t\" class=\"stonith\" type=\"fence_apc\"/>"
              "<primitive id=\"x\" template=\"t\"/>",
          pair("stonith-watchdog-timeout", "0s")));
  ASSERT_TRUE(agents) << agents.error().what;
  EXPECT_EQ(*agents, (std::set<std::string>{"fence_apc", "fence_ipmilan", "fence_mold"}));
  const std::string good = device("fence_ipmilan");
  for (const std::string& bad : {
           cib(good + device("fence_scsi")),
           cib(good + "<template id=\"t\" class=\"stonith\" type=\"fence_mpath\"/>"),
           cib(good + device("external/ssh")),
           cib(good + device("")),
           cib(device("fence_virsh", pair("missing_as_off", "true"))),
           cib(device("fence_virsh", pair("missing-as-off", "1"))),
           cib(device("fence_azure_arm", pair("network_fencing", "on"))),
           cib(device("fence_ipmilan", pair("pcmk_off_action", "status"))),
           cib(good, pair("stonith-watchdog-timeout", "10")),
           cib(good, pair("stonith-watchdog-timeout", "-1")),
           cib(good, pair("stonith-watchdog-timeout", "10s")),
       }) {
    const auto read = read_cluster_agents(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().kind, ErrorKind::kUnsupported) << bad;
  }
  for (const std::string& nothing : {cib(""), std::string(), std::string("<a>")})
    EXPECT_FALSE(read_cluster_agents(nothing)) << nothing;
}

class PacemakerPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = std::move(*runtime::EventLoop::create());
    std::string name = (std::filesystem::temp_directory_path() / "mold-pcmk-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    set_cib(cib(device("fence_test")));
    settings_.devices.program = program("cat $dir/cib; echo x >>$dir/looks\n", "cibadmin");
    settings_.devices.agents = folder_;
    set_actions("on off reboot status");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string program(const std::string& text, const std::string& name = "program") {
    const std::string path = folder_ / name;
    const std::string fresh = path + ".new";
    std::ofstream(fresh) << "#!/bin/bash\ndir=" << folder_.string() << "\n" << text;
    EXPECT_EQ(::chmod(fresh.c_str(), 0700), 0);
    std::filesystem::rename(fresh, path);
    return path;
  }
  void set_cib(const std::string& text) { std::ofstream(folder_ / "cib") << text; }
  // What fence_test says of itself.
  void set_actions(const std::string& actions) {
    program("for a in " + actions +
                "; do x=\"$x<action name=\\\"$a\\\"/>\"; done\n"
                "echo \"<resource-agent><actions>$x</actions></resource-agent>\"\n",
            "fence_test");
  }
  port::PowerResult ask(const std::string& text, PowerVerb verb, Duration deadline = 20s) {
    settings_.program = program(text);
    const auto driver = make_pacemaker_driver(*loop_, settings_);
    port::PowerTarget target;
    target.driver = "pacemaker";
    target.address = "h3";
    std::optional<port::PowerResult> answer;
    driver->request(target, verb, deadline, [&](port::PowerResult r) { answer = std::move(r); });
    EXPECT_FALSE(answer) << "a completion never comes inside the call";
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, deadline + kPatience));
    return answer.value_or(port::PowerResult{});
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  std::filesystem::path folder_;
  PacemakerSettings settings_;
};

// Remembers the tag of --fence ($4 after "--fence h3 --tag") and shows it in the history.
const std::string kCluster =
    "if [ \"$1\" = --fence ]; then echo \"$4\" >$dir/tag; exit $FENCE_RC; fi\n"
    "echo '<pacemaker-result><list>'\n"
    "echo \"<fence_event action=\\\"off\\\" target=\\\"$2\\\" client=\\\"x.$(cat $dir/tag).9\\\" "
    "status=\\\"$STATUS\\\" completed=\\\"now\\\"/>\"\n"
    "echo '</list></pacemaker-result>'\n";

TEST_F(PacemakerPrograms, OffIsWhatTheHistoryShows) {
  const auto off = ask("FENCE_RC=0 STATUS=success\n" + kCluster, PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kConfirmed) << off.text;
  EXPECT_EQ(off.state, PowerState::kOff);
  const auto failed = ask("FENCE_RC=0 STATUS=failed\n" + kCluster, PowerVerb::kOff);
  EXPECT_EQ(failed.outcome, Outcome::kUnknown) << "an exit code confirms nothing";
  EXPECT_EQ(failed.state, PowerState::kUnknown);
  const auto forgotten = ask("exit 0\n", PowerVerb::kOff, 2s);
  EXPECT_EQ(forgotten.outcome, Outcome::kUnknown);
}

TEST_F(PacemakerPrograms, AClusterThatNeedNotCutPowerIsNotAsked) {
  const std::string cluster = "echo x >$dir/asked; FENCE_RC=0 STATUS=success\n" + kCluster;
  const auto refused = [&] {
    const auto off = ask(cluster, PowerVerb::kOff);
    EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
    EXPECT_EQ(off.state, PowerState::kUnknown);
    return off;
  };
  set_cib(cib(device("fence_test") + device("fence_scsi")));
  EXPECT_NE(refused().text.find("fence_scsi is no power device"), std::string::npos);
  set_cib(cib(device("fence_test")));
  set_actions("on off status");
  EXPECT_EQ(refused().error, ErrorKind::kUnsupported) << "by its metadata";
  std::filesystem::remove(folder_ / "fence_test");
  refused();
  program("exit 102\n", "cibadmin");
  EXPECT_EQ(refused().error, ErrorKind::kUnavailable);
  program("exit 1\n", "cibadmin");
  refused();
  std::filesystem::remove(folder_ / "cibadmin");
  refused();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "asked"));
}

TEST_F(PacemakerPrograms, WhatDidNotHappenIsSaidSo) {
  EXPECT_EQ(ask("exit 102\n", PowerVerb::kOff).error, ErrorKind::kUnavailable);
  const auto nobody = ask("exit 105\n", PowerVerb::kOff);
  EXPECT_EQ(nobody.outcome, Outcome::kUnknown) << "a level of its topology may have been tried";
  EXPECT_EQ(ask("exit 1\n", PowerVerb::kOff).outcome, Outcome::kUnknown);
  EXPECT_EQ(ask("sleep 60\n", PowerVerb::kOff, 1s).outcome, Outcome::kUnknown);
  EXPECT_EQ(ask("exit 0\n", PowerVerb::kStatus).outcome, Outcome::kUnknown);
  EXPECT_EQ(ask("exit 0\n", PowerVerb::kOn).outcome, Outcome::kUnknown);
  EXPECT_EQ(ask("exit 0\n", PowerVerb::kSoft).outcome, Outcome::kFailed);
}

TEST_F(PacemakerPrograms, AStrangeTargetIsRefused) {
  const auto driver = make_pacemaker_driver(*loop_);
  port::PowerTarget target;
  EXPECT_FALSE(driver->check(target));
  target.address = "--all";
  EXPECT_FALSE(driver->check(target));
  target.address = "h3";
  EXPECT_TRUE(driver->check(target));
  target.options["node"] = "node-3";
  EXPECT_TRUE(driver->check(target));
  target.options["other"] = "1";
  EXPECT_FALSE(driver->check(target));
}

class PacemakerWatching : public PacemakerPrograms {
 protected:
  // `text` may use `fenced NODE ACTION WHO [AGE_MS]`.
  void watch(const std::string& text) {
    PacemakerWatchSettings settings;
    settings.program = program(
        "fenced() { read -r up rest </proc/uptime; ms=$((${up%.*} * 1000 + 10#${up#*.} * 10));\n"
        "  printf 'fenced\\t%s\\t%s\\t%s\\t%s\\tcontroller\\n' $((ms - ${4:-0})) \"$1\" \"$2\" "
        "\"$3\"; }\n"
        "echo x >>$dir/starts\n" +
        text);
    settings.devices = settings_.devices;
    settings.first_pause = 20ms;
    settings.longest_pause = 50ms;
    settings.silence = silence_;
    watch_ = std::make_unique<PacemakerWatch>(*loop_, settings);
    watch_->start([this](std::string node, std::string told) {
      nodes_.push_back(std::move(node));
      texts_.push_back(std::move(told));
    });
  }
  bool until(const std::function<bool()>& what) { return loop_->run_until(what, kPatience); }
  int starts() const {
    std::ifstream file(folder_ / "starts");
    int lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
  }

  Duration silence_ = 60s;
  std::vector<std::string> nodes_;
  std::vector<std::string> texts_;
  std::unique_ptr<PacemakerWatch> watch_;
};

TEST_F(PacemakerWatching, TellsOffAndRebootAndNothingElse) {
  watch(
      "echo ready\nfenced h1 on h2\nfenced h1 off 'a human'\nfenced h1 off h2 60000\n"
      "fenced - off h2\nprintf 'fenced\\tx\\th1\\toff\\th2\\tc\\n'\nprintf 'fenced\\t\\n'\n"
      "fenced h3 reboot h1\nfenced h4 off h1\nsleep 100\n");
  ASSERT_TRUE(until([&] { return nodes_.size() >= 2; }));
  // Each is judged for itself, and may be told before one that was heard earlier.
  std::sort(nodes_.begin(), nodes_.end());
  std::sort(texts_.begin(), texts_.end());
  EXPECT_EQ(nodes_, (std::vector<std::string>{"h3", "h4"}));
  EXPECT_NE(texts_[1].find("reboot of h3 by h1"), std::string::npos) << texts_[1];
  EXPECT_TRUE(watch_->watching());
}

TEST_F(PacemakerWatching, WhatWasNotCutFromPowerIsNoProof) {
  set_cib(cib(device("fence_test") + device("fence_mpath")));
  const std::string power = cib(device("fence_test"));
  watch(
      "echo ready\nfenced h1 off h2\n"
      "until [ \"$(cat $dir/looks | wc -l)\" -ge 2 ]; do sleep 0.05; done\n"
      "echo '" +
      power + "' >$dir/cib\nfenced h3 off h2\nsleep 100\n");
  ASSERT_TRUE(until([&] { return !nodes_.empty(); }));
  EXPECT_EQ(nodes_, std::vector<std::string>{"h3"});
}

TEST_F(PacemakerWatching, NothingCountsBeforeItIsReady) {
  watch("fenced h1 off h2\necho ready\nfenced h3 off h2\nsleep 100\n");
  ASSERT_TRUE(until([&] { return !nodes_.empty(); }));
  EXPECT_EQ(nodes_, std::vector<std::string>{"h3"});
}

TEST_F(PacemakerWatching, IsStartedAgainWhenItEnds) {
  watch(
      "if [ $(wc -l <$dir/starts) -lt 3 ]; then echo gone >&2; exit 3; fi\n"
      "echo ready\nfenced h3 off h2\nsleep 100\n");
  ASSERT_TRUE(until([&] { return !nodes_.empty(); }));
  EXPECT_EQ(starts(), 3);
}

TEST_F(PacemakerWatching, IsStartedAgainWhenItFallsSilent) {
  silence_ = 300ms;
  watch(
      "echo ready\n[ $(wc -l <$dir/starts) -lt 2 ] && sleep 100\n"
      "while :; do fenced h3 off h2; sleep 0.05; done\n");
  ASSERT_TRUE(until([&] { return !nodes_.empty(); }));
  EXPECT_GE(starts(), 2);
}

TEST_F(PacemakerWatching, WithoutTheProgramNothingHappens) {
  PacemakerWatchSettings settings;
  settings.program = folder_ / "none";
  PacemakerWatch watch(*loop_, settings);
  watch.start([](const std::string&, const std::string&) { FAIL(); });
  EXPECT_FALSE(watch.watching());
}

}  // namespace
}  // namespace mold::fencing
