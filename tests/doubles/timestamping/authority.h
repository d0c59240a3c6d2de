// A time-stamping authority made of `openssl ts`: real certificates and real stamps, in a folder of its own.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "storage/base/files.h"
#include "tests/support/support.h"

namespace kopial {

// For one thread at a time. Throws when openssl does.
class AuthorityDouble {
 public:
  static bool can_be() { return std::system("openssl version >/dev/null 2>&1") == 0; }

  AuthorityDouble() {
    const std::string config =
        "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=Test authority\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
        "[tsa]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"
        "[ts]\ndefault_tsa=one\n[one]\nserial=" + path("serial") + "\nsigner_cert=" + path("tsa.pem") + "\nsigner_key=" + path("tsa.key") +
        "\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\ncerts=" + path("ca.pem") + "\ness_cert_id_alg=sha256\nordering=yes\ntsa_name=yes\n";
    write("tsa.cnf", config);
    write("serial", "01\n");
    run("openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}/ca.key -out {0}/ca.pem -days 3650 -config {0}/tsa.cnf -extensions ca -sha256");
    certificate(365);
  }
  // The authority gets a certificate of so many days.
  void certificate(int days) {
    run("openssl req -new -newkey rsa:2048 -nodes -keyout {0}/tsa.key -out {0}/tsa.csr -config {0}/tsa.cnf");
    run(fmt::format("openssl x509 -req -in {{0}}/tsa.csr -CA {{0}}/ca.pem -CAkey {{0}}/ca.key -set_serial {} -days {} -extfile {{0}}/tsa.cnf -extensions tsa -out {{0}}/tsa.pem",
                    days, days));
  }
  Bytes stamp(BytesView request) {
    write("request.tsq", request);
    run("openssl ts -reply -config {0}/tsa.cnf -section one -queryfile {0}/request.tsq -out {0}/response.tsr");
    return read_file(path("response.tsr"), 1 << 16).value();
  }
  std::string ca_pem() { return read_file(path("ca.pem"), 1 << 16).value(); }
  std::string path(const std::string& name) { return (folder_.path() / name).string(); }

 private:
  void write(const std::string& name, BytesView content) {
    if (!write_file_durably(path(name), content)) throw std::runtime_error("writing " + path(name));
  }
  void run(const std::string& command) {
    const auto line = fmt::format(fmt::runtime(command), folder_.path().string()) + " >/dev/null 2>" + path("log");
    if (std::system(line.c_str()) != 0) throw std::runtime_error(line + "\n" + read_file(path("log"), 1 << 16).value());
  }

  TemporaryFolder folder_;
};

}  // namespace kopial
