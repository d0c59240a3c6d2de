kopial_tests(crypto_tests
  SOURCES
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/crypto/certificate_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/crypto/digest_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/crypto/ed25519_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/crypto/password_test.cc
    ${CMAKE_CURRENT_SOURCE_DIR}/storage/crypto/seal_test.cc
  LIBRARIES kopial_crypto Boost::json)
