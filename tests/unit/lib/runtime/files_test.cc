#include "lib/runtime/files.h"

#include <sys/stat.h>

#include <set>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

TEST(Files, WritesWholeFilesAndLeavesNothingBeside) {
  const TempDir dir;
  const std::string path = dir.file("a");
  EXPECT_OK(write_file_atomic(path, "one", 0600));
  EXPECT_OK(write_file_atomic(path, "two", 0640));
  EXPECT_EQ(must(read_file(path)), "two");
  EXPECT_EQ(must(list_dir(dir.path())), std::vector<std::string>{"a"});
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
}

TEST(Files, RefusesFilesOverTheLimitAndNamesWhatIsMissing) {
  const TempDir dir;
  EXPECT_OK(write_file_atomic(dir.file("big"), std::string(100'000, 'x')));
  EXPECT_EQ(read_file(dir.file("big"), 99'999).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(must(read_file(dir.file("big"), 100'000)).size(), 100'000U);
  const auto missing = read_file(dir.file("none"));
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(missing.error().what.find("/none"), std::string::npos);
  EXPECT_EQ(write_file_atomic(dir.file("no/dir"), "").error().kind, ErrorKind::kNotFound);
}

TEST(Files, MakesDirectoriesWithParentsAndRemovesFiles) {
  const TempDir dir;
  EXPECT_OK(make_dirs(dir.file("a/b/c")));
  EXPECT_OK(make_dirs(dir.file("a/b/c")));
  EXPECT_TRUE(file_exists(dir.file("a/b/c")));
  EXPECT_OK(write_file_atomic(dir.file("a/f"), ""));
  EXPECT_EQ(make_dir(dir.file("a/f")).error().kind, ErrorKind::kConflict);
  EXPECT_OK(remove_file(dir.file("a/f")));
  EXPECT_OK(remove_file(dir.file("a/f")));
}

TEST(Files, ReadsTheBootId) {
  EXPECT_TRUE(is_uuid(must(read_boot_id())));
}

TEST(Files, UuidsAreRandomVersionFour) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = new_uuid();
    EXPECT_TRUE(is_uuid(uuid));
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace mold::runtime
