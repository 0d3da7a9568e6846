#include "manager/api/urls.h"

#include <gtest/gtest.h>

namespace mold::manager::api {
namespace {

TEST(Urls, HostOfAddHost) {
  EXPECT_EQ(host_of_url("kvm://h1"), "h1");
  EXPECT_EQ(host_of_url("http://h1.example:22/x"), "h1.example");
  EXPECT_EQ(host_of_url("HTTPS://10.77.0.11/"), "10.77.0.11");
  EXPECT_EQ(host_of_url("h1"), "h1");
  for (const char* bad : {"", "kvm://", "ftp://h1", "kvm://a b", "kvm://a@b", "../x", "-h"}) {
    EXPECT_FALSE(host_of_url(bad).has_value()) << bad;
  }
}

TEST(Urls, PathOfTemplate) {
  EXPECT_EQ(path_of_file_url("file:///srv/pool/t/x.img"), "/srv/pool/t/x.img");
  EXPECT_EQ(path_of_file_url("file://localhost/x.img"), "/x.img");
  for (const char* bad :
       {"http://h/x.img", "file://", "file:///", "file:///srv/", "file:///a/./b"}) {
    EXPECT_FALSE(path_of_file_url(bad).has_value()) << bad;
  }
}

TEST(Urls, SnapshotOfACephPool) {
  EXPECT_EQ(snapshot_of_url("rbd:vms/nano@gold"), "rbd:vms/nano@gold");
  EXPECT_EQ(snapshot_of_url("RBD:vms/nano@gold"), "rbd:vms/nano@gold");
  for (const char* bad : {"rbd:", "rbd:vms", "rbd:vms/nano", "rbd:/nano@gold", "rbd:vms/@gold",
                          "rbd:vms/nano@", "vms/nano@gold"}) {
    EXPECT_FALSE(snapshot_of_url(bad).has_value()) << bad;
  }
}

TEST(Urls, PlainPaths) {
  EXPECT_TRUE(is_plain_path("/srv/pool"));
  EXPECT_FALSE(is_plain_path("srv"));
  EXPECT_FALSE(is_plain_path("/"));
  EXPECT_FALSE(is_plain_path("/a\nb"));
  EXPECT_FALSE(is_plain_path("/" + std::string(2000, 'a')));
}

}  // namespace
}  // namespace mold::manager::api
