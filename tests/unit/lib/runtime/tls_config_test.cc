#include "lib/runtime/tls_config.h"

#include <sys/stat.h>

#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

struct Files {
  TempDir dir;
  TestCa ca{"test CA"};
  TlsFiles names{dir.file("ca.pem"), dir.file("cert.pem"), dir.file("key.pem")};

  void write(const TlsMaterial& material) {
    EXPECT_OK(write_file_atomic(names.ca, material.ca_pem));
    EXPECT_OK(write_file_atomic(names.cert, material.cert_pem));
    EXPECT_OK(write_file_atomic(names.key, material.key_pem.reveal(), 0600));
  }
};

TEST(TlsConfig, LoadsAndDescribesACertificate) {
  Files files;
  files.write(files.ca.issue("host-1", TestCa::Use::kClient));
  const TlsMaterial material = must(load_tls(files.names));
  const CertificateInfo info = must(read_certificate(material.cert_pem));
  EXPECT_EQ(info.common_name, "host-1");
  EXPECT_EQ(info.fingerprint.size(), 64U);
  EXPECT_LT(info.not_before, info.not_after);
}

TEST(TlsConfig, RefusesAKeyThatOthersMayRead) {
  Files files;
  files.write(files.ca.issue("host-1", TestCa::Use::kClient));
  ::chmod(files.names.key.c_str(), 0640);
  EXPECT_EQ(load_tls(files.names).error().kind, ErrorKind::kDenied);
}

TEST(TlsConfig, RefusesAForeignKeyAndBadFiles) {
  Files files;
  files.write(files.ca.issue("host-1", TestCa::Use::kClient));
  EXPECT_OK(write_file_atomic(files.names.key,
                              files.ca.issue("x", TestCa::Use::kClient).key_pem.reveal(), 0600));
  EXPECT_EQ(load_tls(files.names).error().kind, ErrorKind::kInvalid);
  EXPECT_OK(write_file_atomic(files.names.ca, "not a certificate"));
  EXPECT_EQ(load_tls(files.names).error().kind, ErrorKind::kInvalid);
  EXPECT_OK(remove_file(files.names.ca));
  EXPECT_EQ(load_tls(files.names).error().kind, ErrorKind::kNotFound);
}

TEST(TlsConfig, ReloadKeepsTheOldOnFailure) {
  Files files;
  files.write(files.ca.issue("one", TestCa::Use::kClient));
  TlsConfig config = must(TlsConfig::load(files.names));
  EXPECT_FALSE(must(config.reload())) << "nothing changed";
  EXPECT_OK(write_file_atomic(files.names.cert, "half a file"));
  EXPECT_FALSE(config.reload());
  EXPECT_EQ(must(read_certificate(config.current()->cert_pem)).common_name, "one");
  files.write(files.ca.issue("two", TestCa::Use::kClient));
  EXPECT_TRUE(must(config.reload()));
  EXPECT_EQ(must(read_certificate(config.current()->cert_pem)).common_name, "two");
}

}  // namespace
}  // namespace mold::runtime
