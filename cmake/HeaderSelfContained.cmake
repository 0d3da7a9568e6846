# Every public header compiles alone: a one-line source each, in a target that is built by the test
# `headers_alone` (label tidy) and not by a normal build. The normal build proves nothing here: its
# sources share translation units and precompiled headers.
function(mold_headers_alone)
  set(sources)
  foreach(room core lib agentd fencing hooks maintenance manager hactl)
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
         ${CMAKE_SOURCE_DIR}/${room}/*.h)
    foreach(header IN LISTS headers)
      string(REPLACE "/" "_" name ${header})
      set(source ${CMAKE_BINARY_DIR}/headers/${name}.cc)
      file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n" @ONLY)
      list(APPEND sources ${source})
    endforeach()
  endforeach()
  add_library(mold_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_compile_options(mold_headers PRIVATE -fsyntax-only)
  target_include_directories(mold_headers PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(mold_headers PRIVATE mold_flags dep::expected dep::fmt dep::json
    dep::systemd dep::libvirt dep::curl dep::microhttpd dep::sqlite dep::xml dep::gnutls)
  # -fsyntax-only makes no object; a cache has nothing to keep.
  set_target_properties(mold_headers PROPERTIES CXX_COMPILER_LAUNCHER "" UNITY_BUILD OFF)
  add_test(NAME headers_alone
    COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target mold_headers)
  set_tests_properties(headers_alone PROPERTIES LABELS tidy TIMEOUT 2300)
endfunction()
