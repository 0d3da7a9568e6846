# Flags that every target of the house gets. Third-party headers are included as SYSTEM, so that a
# warning always points at our own code.
option(MOLD_WERROR "Treat warnings as errors" ON)
set(MOLD_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

add_library(mold_flags INTERFACE)
target_compile_options(mold_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wswitch-enum -Wold-style-cast
  # g++ 12 sees bounds crossed inside std::string that are not (its bugs 105329, 105651).
  -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
  $<$<BOOL:${MOLD_WERROR}>:-Werror>)
if(MOLD_SANITIZE)
  target_compile_options(mold_flags INTERFACE -fsanitize=${MOLD_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(mold_flags INTERFACE -fsanitize=${MOLD_SANITIZE})
endif()
# Hardening of what runs as root on every host. The sanitizers bring their own checks.
target_compile_options(mold_flags INTERFACE -fstack-protector-strong)
if(NOT MOLD_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(mold_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(mold_flags INTERFACE -Wl,-z,relro,-z,now)

find_program(CCACHE ccache)
if(CCACHE)
  # With precompiled headers ccache asks for this word (its manual, "Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
