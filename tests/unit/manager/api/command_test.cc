// The command table is a contract with clients: complete, well formed, told truly by listApis.
#include "manager/api/command.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/base/text.h"
#include "manager/api/server.h"

namespace mold::manager::api {
namespace {

TEST(CommandTable, HoldsEverythingThatTheManualNames) {
  const CommandTable table = build_command_table();
  for (const char* name : {"listZones",
                           "createZone",
                           "updateZone",
                           "deleteZone",
                           "listPods",
                           "createPod",
                           "deletePod",
                           "listClusters",
                           "addCluster",
                           "deleteCluster",
                           "listHosts",
                           "addHost",
                           "updateHost",
                           "deleteHost",
                           "reconnectHost",
                           "issueHostEnrolmentToken",
                           "createServiceOffering",
                           "listServiceOfferings",
                           "deleteServiceOffering",
                           "createStoragePool",
                           "listStoragePools",
                           "deleteStoragePool",
                           "registerTemplate",
                           "listTemplates",
                           "deleteTemplate",
                           "deployVirtualMachine",
                           "listVirtualMachines",
                           "startVirtualMachine",
                           "stopVirtualMachine",
                           "rebootVirtualMachine",
                           "destroyVirtualMachine",
                           "expungeVirtualMachine",
                           "updateVirtualMachine",
                           "configureOutOfBandManagement",
                           "enableOutOfBandManagementForHost",
                           "disableOutOfBandManagementForHost",
                           "issueOutOfBandManagementPowerAction",
                           "changeOutOfBandManagementPassword",
                           "addFenceDevice",
                           "updateFenceDevice",
                           "removeFenceDevice",
                           "listFenceDevices",
                           "listFenceDrills",
                           "runFenceDrill",
                           "listCephUsers",
                           "forgetCephUser",
                           "listConfigurations",
                           "updateConfiguration",
                           "configureHAForHost",
                           "enableHAForHost",
                           "disableHAForHost",
                           "listHostHAResources",
                           "listHostHAProviders",
                           "queryAsyncJobResult",
                           "listAsyncJobs",
                           "listEvents",
                           "listEventTypes",
                           "listApis",
                           "listCapabilities",
                           "listHypervisors",
                           "listManagementServers",
                           "listCapacity",
                           "listUsers",
                           "listAccounts",
                           "listHaEvidence",
                           "explainHostHa",
                           "confirmHostDead"}) {
    EXPECT_NE(table.find(name), nullptr) << name;
  }
}

TEST(CommandTable, NamesAreExact) {
  const CommandTable table = build_command_table();
  EXPECT_EQ(table.find("listhosts"), nullptr);
  EXPECT_EQ(table.find(""), nullptr);
}

TEST(CommandTable, AsyncAsThePeersHaveIt) {
  const CommandTable table = build_command_table();
  for (const char* name :
       {"deployVirtualMachine", "startVirtualMachine", "stopVirtualMachine", "configureHAForHost",
        "enableHAForHost", "reconnectHost", "issueOutOfBandManagementPowerAction", "deleteTemplate",
        "changeOutOfBandManagementPassword", "runFenceDrill"}) {
    EXPECT_TRUE(table.find(name)->is_async()) << name;
  }
  for (const char* name : {"configureOutOfBandManagement", "addHost", "listHosts",
                           "createStoragePool", "registerTemplate", "updateVirtualMachine"}) {
    EXPECT_FALSE(table.find(name)->is_async()) << name;
  }
}

TEST(CommandTable, ParametersAreLowerCaseAndUnique) {
  const CommandTable table = build_command_table();
  for (const auto& [name, spec] : table.all()) {
    std::set<std::string> seen;
    for (const ParamSpec& param : spec.params) {
      EXPECT_EQ(param.name, to_lower(param.name)) << name;
      EXPECT_TRUE(seen.insert(std::string(param.name)).second) << name << " " << param.name;
      EXPECT_FALSE(param.description.empty()) << name << " " << param.name;
    }
    EXPECT_FALSE(spec.object.empty()) << name;
    EXPECT_NE(spec.fields.find(':'), std::string_view::npos) << name;
  }
}

TEST(CommandTable, DescribedForListApis) {
  const CommandTable table = build_command_table();
  const Object row = describe(*table.find("stopVirtualMachine"), table);
  const std::string json = to_json(Value(row));
  EXPECT_NE(json.find("\"name\":\"stopVirtualMachine\""), std::string::npos);
  EXPECT_NE(json.find("\"isasync\":true"), std::string::npos);
  EXPECT_NE(json.find("{\"name\":\"id\",\"description\":\"the ID of the virtual machine\","
                      "\"type\":\"uuid\",\"length\":255,\"required\":true}"),
            std::string::npos);
  EXPECT_NE(json.find("startVirtualMachine"), std::string::npos);  // related
}

TEST(CommandTable, WhatCarriesASecretIsMarked) {
  const CommandTable table = build_command_table();
  std::set<std::string> marked;
  for (const auto& [name, spec] : table.all()) {
    if (spec.is_confidential()) marked.insert(name);
  }
  EXPECT_EQ(marked,
            (std::set<std::string>{"addFenceDevice", "addHost", "changeOutOfBandManagementPassword",
                                   "configureOutOfBandManagement", "issueHostEnrolmentToken",
                                   "updateFenceDevice"}));
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  for (const char* other : {"10.0.0.1", "::", "fe80::1", "1270.0.0.1", ""})
    EXPECT_FALSE(is_loopback(other)) << other;
}

}  // namespace
}  // namespace mold::manager::api
