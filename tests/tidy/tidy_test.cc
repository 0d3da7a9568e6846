// Reads the whole house and holds every rule against it.
#include <gtest/gtest.h>

#include "tests/tidy/rules.h"

namespace mold::tidy {
namespace {

TEST(Tidy, TheHouseKeepsItsRules) {
  const auto house = read_house(MOLD_SOURCE_DIR);
  ASSERT_GT(house.size(), 50U) << "the sources are not where they were when this was built";
  for (const Problem& problem : check_house(house)) ADD_FAILURE() << to_text(problem);
}

}  // namespace
}  // namespace mold::tidy
