# Precompiled standard and third-party headers: without them a clean build takes two to three times as
# long. Sources include what they use all the same; tests/tidy (headers_alone) compiles every header
# without these. One set for each level of optimisation.
#
# Not nlohmann/json.hpp: its inline functions have templates instantiated at the end of every source
# that sees them, 0.7 s each, which is more than the few that use it gain.
option(MOLD_PCH "Precompile the headers that most sources include" ON)

set(MOLD_PCH_HEADERS
  <algorithm> <array> <atomic> <cerrno> <chrono> <cstddef> <cstdint> <cstdio> <cstring> <deque>
  <functional> <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <utility>
  <variant> <vector>
  <fmt/format.h> <tl/expected.hpp>)

# Functions that test programs call once are not worth the optimiser's time: these cost a quarter of a
# clean build's.
set(MOLD_TEST_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-Og>)

# What the simulator lives through thousands of times a second is worth the optimiser's time in every
# build. A set of headers of its own, too: g++ 12 fails on those of another level.
set(MOLD_FAST_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-O2>)

function(mold_pch_target name)
  set(source ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Only here to own the precompiled headers.\n" @ONLY)
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE mold_flags dep::fmt dep::expected)
endfunction()

if(MOLD_PCH)
  mold_pch_target(mold_pch)
  target_precompile_headers(mold_pch PRIVATE ${MOLD_PCH_HEADERS})
  mold_pch_target(mold_fast_pch)
  target_compile_options(mold_fast_pch PRIVATE ${MOLD_FAST_OPTIONS})
  target_precompile_headers(mold_fast_pch PRIVATE ${MOLD_PCH_HEADERS})
  mold_pch_target(mold_test_pch)
  target_link_libraries(mold_test_pch PRIVATE GTest::gmock)
  # Test programs are position independent executables; the compiler takes headers precompiled for
  # a library (-fPIC) for something else.
  set_target_properties(mold_test_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(mold_test_pch PRIVATE ${MOLD_TEST_OPTIONS} -fPIE)
  target_precompile_headers(mold_test_pch PRIVATE ${MOLD_PCH_HEADERS}
    <gtest/gtest.h> <gmock/gmock.h>)
endif()

function(mold_precompiled target from)
  if(MOLD_PCH)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

function(mold_fast_code target)
  target_compile_options(${target} PRIVATE ${MOLD_FAST_OPTIONS})
  mold_precompiled(${target} mold_fast_pch)
endfunction()

function(mold_test_code target)
  target_compile_options(${target} PRIVATE ${MOLD_TEST_OPTIONS})
  mold_precompiled(${target} mold_test_pch)
endfunction()

# mold_alone(FILE...): sources that do not share a translation unit with others in a unity build,
# because their file-local names are the same words (`list`, `show`) or they hand out file-local types.
function(mold_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
