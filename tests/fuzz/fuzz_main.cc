// One libFuzzer program a target: the build names it in KOPIAL_FUZZ_TARGET.
#include "storage/mail/message_view.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  kopial::initialise_mail();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const kopial::fuzz::Target* const target = [] {
    for (const auto& one : kopial::fuzz::targets()) {
      if (one.name == KOPIAL_FUZZ_TARGET) return &one;
    }
    kopial::fuzz::require(false, "no such target: " KOPIAL_FUZZ_TARGET);
    return static_cast<const kopial::fuzz::Target*>(nullptr);
  }();
  if (size <= target->bytes_max) target->run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
