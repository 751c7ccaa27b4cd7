#include "translation.h"

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "../runtime/diagnose.h"
#include "../runtime/process.h"
#include "../runtime/sanitizers.h"

namespace emulator {
namespace {

namespace fs = std::filesystem;

// The emulator's own folder, where its translator is; the build says which.
const fs::path emulator_folder = CIDER_EMULATOR_FOLDER;

class Hash {
public:
  void add(const std::string &text) {
    for (unsigned char byte : text) state_ = (state_ ^ byte) * prime;
    state_ = (state_ ^ text.size()) * prime;
  }
  std::string hex() const {
    char text[33];
    snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(state_ >> 64),
             static_cast<unsigned long long>(state_));
    return text;
  }

private:
  // FNV-1a of 128 bits.
  static constexpr unsigned __int128 prime = (static_cast<unsigned __int128>(1) << 88) + 0x13B;
  unsigned __int128 state_ = (static_cast<unsigned __int128>(0x6c62272e07bb0142) << 64) + 0x62b821756295c58d;
};

std::string content_of(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Of the translator and of the headers that kernels are compiled with.
std::string translator_hash() {
  std::vector<fs::path> files = {emulator_folder / "translate.mjs"};
  for (const char *folder : {"translator", "include"}) {
    std::error_code error;
    for (const auto &entry : fs::recursive_directory_iterator(emulator_folder / folder, error)) {
      if (entry.is_regular_file(error)) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Hash hash;
  for (const fs::path &file : files) {
    hash.add(file.string());
    hash.add(content_of(file));
  }
  return hash.hex();
}

std::vector<std::string> words(const std::string &text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// For the compiler behind the translator.
std::vector<std::string> compiler_flags(const CompileSettings &settings) {
  // A call at the end of a kernel stays a call, so that it can be told where it came from.
  std::vector<std::string> flags = {"-fno-optimize-sibling-calls"};
  for (const auto &[name, value] : settings.macros) flags.push_back("-D" + name + "=" + value);
  if (settings.fast_math) {
    // What -ffast-math stands for, except that it would change how the whole process rounds.
    for (const char *flag : {"-ffinite-math-only", "-fassociative-math", "-freciprocal-math", "-fno-signed-zeros",
                             "-fno-trapping-math", "-fapprox-func"}) {
      flags.push_back(flag);
    }
  }
#if CIDER_EMULATOR_ASAN
  for (const char *flag :
       {"-fsanitize=address,undefined", "-fsanitize=float-cast-overflow", "-fno-sanitize=vptr,function",
        "-fno-sanitize-recover=all", "-fsanitize-address-use-after-return=never"}) {
    flags.push_back(flag);
  }
#elif defined(CIDER_EMULATOR_TSAN)
  flags.push_back("-fsanitize=thread");
#endif
  for (const std::string &flag : words(environment().cxxflags)) flags.push_back(flag);
  return flags;
}

// What Metal calls a source that has no name.
std::string without_name(std::string messages, const std::string &file) {
  for (size_t at; (at = messages.find(file)) != std::string::npos;) messages.replace(at, file.size(), "program_source");
  return messages;
}

std::string text_of(Version version) { return std::to_string(version.major) + "." + std::to_string(version.minor); }

std::string hash_of(const std::string &source, const CompileSettings &settings, const std::vector<std::string> &flags) {
  static const std::string translator = translator_hash();
  Hash hash;
  hash.add(translator);
  hash.add(text_of(environment().os));
  hash.add(text_of(settings.language));
  for (const std::string &flag : flags) hash.add(flag);
  hash.add(source);
  return hash.hex();
}

} // namespace

Translation translate(const std::string &source, const CompileSettings &settings) {
  const std::vector<std::string> flags = compiler_flags(settings);
  const fs::path folder = environment().cache;
  const std::string base = (folder / hash_of(source, settings, flags)).string();
  const std::string object = base + ".so", messages = base + ".txt";
  std::error_code error;
  if (fs::exists(object, error)) return {object, content_of(messages)};
  fs::create_directories(folder, error);
  // Under names that no other process uses, then renamed: objects appear whole, and last.
  static std::atomic<int> turn{0};
  const std::string own = base + "." + std::to_string(getpid()) + "." + std::to_string(turn++);
  const std::string own_source = own + ".metal", own_object = own + ".so", own_messages = own + ".txt";
  std::ofstream(own_source, std::ios::binary) << source;
  std::vector<std::string> command = {"node",       (emulator_folder / "translate.mjs").string(),
                                      own_source,   own_object,
                                      "--language", text_of(settings.language),
                                      "--os",       text_of(environment().os),
                                      "--"};
  command.insert(command.end(), flags.begin(), flags.end());
  const Outcome outcome = run_program(command);
  const std::string output = without_name(outcome.output, own_source);
  fs::remove(own_source, error);
  if (!outcome.succeeded) {
    fs::remove(own_object, error);
    return {"", output};
  }
  std::ofstream(own_messages) << output;
  fs::rename(own_messages, messages, error);
  fs::rename(own_object, object, error);
  if (error) fail("%s cannot be written: %s", object.c_str(), error.message().c_str());
  return {object, output};
}

} // namespace emulator
