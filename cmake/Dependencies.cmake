# Every library we use, all of them Debian 12 packages. Each is an imported target dep::<name>;
# the reasons stand in docs/adr/0002-libraries.md.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(mold_dep name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(dep::${name} ALIAS PkgConfig::${name})
endfunction()

mold_dep(systemd libsystemd)
mold_dep(libvirt libvirt)
mold_dep(libvirt_qemu libvirt-qemu)
mold_dep(curl libcurl)
mold_dep(microhttpd libmicrohttpd)
mold_dep(sqlite sqlite3)
mold_dep(xml libxml-2.0)
mold_dep(gnutls gnutls)
mold_dep(fuse fuse3)

find_package(fmt REQUIRED)
add_library(dep::fmt ALIAS fmt::fmt)

find_package(nlohmann_json REQUIRED)
add_library(dep::json ALIAS nlohmann_json::nlohmann_json)

find_package(Boost REQUIRED COMPONENTS program_options)
add_library(dep::options ALIAS Boost::program_options)

find_package(tl-expected REQUIRED)
add_library(dep::expected ALIAS tl::expected)

find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
