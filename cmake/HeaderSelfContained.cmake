# Every public header compiles alone. A header whose .cc includes it first is proven so by the build
# itself; only the others get a one-line source of their own, in a target that is built by the test
# `headers_alone` (label tidy) and not by a normal build.
function(mold_headers_alone)
  set(sources)
  foreach(room core lib agentd fencing hooks maintenance manager hactl)
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
         ${CMAKE_SOURCE_DIR}/${room}/*.h)
    foreach(header IN LISTS headers)
      mold_header_is_first(${header} first)
      if(NOT first)
        string(REPLACE "/" "_" name ${header})
        set(source ${CMAKE_BINARY_DIR}/headers/${name}.cc)
        file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n" @ONLY)
        list(APPEND sources ${source})
      endif()
    endforeach()
  endforeach()
  add_library(mold_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_compile_options(mold_headers PRIVATE -fsyntax-only)
  target_include_directories(mold_headers PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(mold_headers PRIVATE mold_flags dep::expected dep::fmt dep::json
    dep::systemd dep::libvirt dep::curl dep::microhttpd dep::sqlite dep::xml dep::gnutls)
  # -fsyntax-only makes no object; a cache has nothing to keep.
  set_target_properties(mold_headers PROPERTIES CXX_COMPILER_LAUNCHER "")
  add_test(NAME headers_alone
    COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target mold_headers)
  set_tests_properties(headers_alone PROPERTIES LABELS tidy TIMEOUT 300)
endfunction()

# Sets `result` when the .cc beside the header includes it before anything else.
function(mold_header_is_first header result)
  set(${result} FALSE PARENT_SCOPE)
  string(REGEX REPLACE "\\.h$" ".cc" source ${CMAKE_SOURCE_DIR}/${header})
  if(EXISTS ${source})
    file(STRINGS ${source} includes REGEX "^#include" LIMIT_COUNT 1)
    if(includes STREQUAL "#include \"${header}\"")
      set(${result} TRUE PARENT_SCOPE)
    endif()
  endif()
endfunction()
