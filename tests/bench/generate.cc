// Makes any amount of mail that behaves like the real mail of the corpus, as Maildirs; or checks how well it does.
//
//   kopial_generate --corpus DIR --out DIR --messages N --profile list|corporate [--mailboxes N] --seed S
//   kopial_generate --check --corpus DIR --out DIR        compares the set in --out with the corpus
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "storage/mail/message_view.h"
#include "tests/bench/figures.h"
#include "tests/bench/generated_set.h"

using namespace kopial;         // NOLINT: a program, not a header
using namespace kopial::bench;  // NOLINT

namespace {

int fail(const Error& error) {
  fmt::print(stderr, "kopial_generate: {}\n", error.message);
  return 1;
}

int check(const std::string& corpus_folder, const std::string& out) {
  const std::vector<std::size_t> steps{500, 1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 64'000, 100'000};
  const auto corpus = read_corpus(corpus_folder, false);
  if (!corpus) return fail(corpus.error());
  const auto generated = measure_maildirs(out, steps);
  if (!generated) return fail(generated.error());
  fmt::print("{}", compare(*generated, measure_corpus(*corpus, steps)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"makes mail that behaves like the corpus"};
  std::string corpus_folder, out, profile = "list";
  GenerateOptions options;
  bool only_check = false;
  app.add_option("--corpus", corpus_folder, "folder of the corpus")->required();
  app.add_option("--out", out, "folder of the set")->required();
  app.add_flag("--check", only_check, "compare the set in --out with the corpus");
  app.add_option("--messages", options.messages, "files to write");
  app.add_option("--profile", profile)->check(CLI::IsMember({"list", "corporate"}));
  app.add_option("--mailboxes", options.mailboxes, "of the corporate profile");
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, argc, argv);
  initialise_mail();
  if (only_check) return check(corpus_folder, out);

  options.profile = profile == "list" ? Profile::list : Profile::corporate;
  const auto started = std::chrono::steady_clock::now();
  const auto corpus = read_corpus(corpus_folder, options.profile == Profile::corporate);
  if (!corpus) return fail(corpus.error());
  const auto made = generate(*corpus, options, out);
  if (!made) return fail(made.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  fmt::print("{} files of {} messages in {} mailboxes, {} bytes ({:.0f} each), seed {}, in {:.1f} s ({:.0f}/s)\n", made->files,
             made->distinct, made->mailboxes, made->bytes, static_cast<double>(made->bytes) / static_cast<double>(made->files),
             options.seed, seconds, static_cast<double>(made->files) / seconds);
  fmt::print("{} messages of the corpus are left out for structural defects\n", corpus->left_out);
  return 0;
}
