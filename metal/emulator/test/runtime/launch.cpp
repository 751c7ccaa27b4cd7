// launch FILE KERNEL [--language 4.0] [--math safe|fast] [--define NAME=VALUE] [--groups X,Y,Z] [--threads X,Y,Z]
// [--unbound]
// [--buffer BYTES] [--words 1,2,3] [--bytes BYTES] [--threadgroup BYTES] [--constant INDEX=0|1] [--repeat N]: runs a
// kernel once. Bindings count from 0 in the order they are given; --buffer holds zeros. Prints each buffer as 32-bit
// words, then how many diagnostics and objects there are. Exit code 1 with the error's text if there is no pipeline.
#include <stdint.h>
#include <string.h>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "objective-c.h"

namespace {

std::string read_file(const std::string &path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << "#line 1 \"" << path.substr(path.rfind('/') + 1) << "\"\n" << in.rdbuf();
  return text.str();
}

std::vector<uint32_t> numbers(const std::string &text) {
  std::istringstream in(text);
  std::vector<uint32_t> numbers;
  for (std::string each; std::getline(in, each, ',');)
    numbers.push_back(static_cast<uint32_t>(std::stoul(each, nullptr, 0)));
  return numbers;
}

Size size_of(const std::string &text) {
  const std::vector<uint32_t> given = numbers(text);
  const auto at = [&](size_t i) { return i < given.size() ? given[i] : 1u; };
  return {at(0), at(1), at(2)};
}

[[noreturn]] void stop(id error) {
  printf("%s\n", error ? text_of(send(error, "localizedDescription")) : "no error was given");
  exit(1);
}

struct Program {
  id device = system_device();
  id options = send(send(class_named("MTLCompileOptions"), "alloc"), "init");
  id constants = send(send(class_named("MTLFunctionConstantValues"), "alloc"), "init");
  std::vector<id> buffers;                // null: not bound
  std::vector<std::vector<char>> inlined; // not empty: instead of the buffer
  std::vector<Unsigned> threadgroup_memory;
  Size groups = {1, 1, 1}, threads = {32, 1, 1};
  long repeat = 1;

  void bind(id buffer, std::vector<char> bytes = {}) {
    buffers.push_back(buffer);
    inlined.push_back(std::move(bytes));
  }
  void read_option(const std::string &option, const std::string &value);
  id pipeline(const std::string &file, const std::string &kernel);
  void run(id pipeline);
  void print() const;
};

void Program::read_option(const std::string &option, const std::string &value) {
  if (option == "--language") {
    const Unsigned major = std::stoul(value), minor = std::stoul(value.substr(value.find('.') + 1));
    send<void, Unsigned>(options, "setLanguageVersion:", major << 16 | minor);
  } else if (option == "--math") {
    send<void, long>(options, "setMathMode:", value == "safe" ? 0 : 2);
  } else if (option == "--define") {
    const size_t equals = value.find('=');
    id macros = send<id, id, id>(class_named("NSDictionary"),
                                 "dictionaryWithObject:forKey:", string(value.substr(equals + 1).c_str()),
                                 string(value.substr(0, equals).c_str()));
    send<void, id>(options, "setPreprocessorMacros:", macros);
  } else if (option == "--constant") {
    const bool is_true = value.substr(value.find('=') + 1) == "1";
    const Unsigned type_bool = 53;
    send<void, const void *, Unsigned, Unsigned>(constants, "setConstantValue:type:atIndex:", &is_true, type_bool,
                                                 std::stoul(value));
  } else if (option == "--groups") {
    groups = size_of(value);
  } else if (option == "--threads") {
    threads = size_of(value);
  } else if (option == "--buffer") {
    bind(send<id, Unsigned, Unsigned>(device, "newBufferWithLength:options:", std::stoul(value), 0));
  } else if (option == "--words") {
    const std::vector<uint32_t> words = numbers(value);
    bind(send<id, const void *, Unsigned, Unsigned>(device, "newBufferWithBytes:length:options:", words.data(),
                                                    words.size() * sizeof(uint32_t), 0));
  } else if (option == "--bytes") {
    bind(nullptr, std::vector<char>(std::stoul(value)));
  } else if (option == "--unbound") {
    bind(nullptr);
  } else if (option == "--threadgroup") {
    threadgroup_memory.push_back(std::stoul(value));
  } else if (option == "--repeat") {
    repeat = std::stol(value);
  } else {
    fprintf(stderr, "unknown option %s\n", option.c_str());
    exit(2);
  }
}

id Program::pipeline(const std::string &file, const std::string &kernel) {
  id error = nullptr;
  id library = send<id, id, id, id *>(device, "newLibraryWithSource:options:error:", string(read_file(file).c_str()),
                                      options, &error);
  if (!library) stop(error);
  id function = send<id, id, id, id *>(library, "newFunctionWithName:constantValues:error:", string(kernel.c_str()),
                                       constants, &error);
  send<void>(library, "release");
  if (!function) stop(error);
  id made = send<id, id, id *>(device, "newComputePipelineStateWithFunction:error:", function, &error);
  send<void>(function, "release");
  if (!made) stop(error);
  return made;
}

void Program::run(id pipeline) {
  id queue = send(device, "newCommandQueue");
  id commands = send(queue, "commandBuffer");
  id encoder = send(commands, "computeCommandEncoder");
  send<void, id>(encoder, "setComputePipelineState:", pipeline);
  for (size_t i = 0; i < buffers.size(); i++) {
    if (!inlined[i].empty()) {
      send<void, const void *, Unsigned, Unsigned>(encoder, "setBytes:length:atIndex:", inlined[i].data(),
                                                   inlined[i].size(), i);
    } else if (buffers[i]) {
      send<void, id, Unsigned, Unsigned>(encoder, "setBuffer:offset:atIndex:", buffers[i], 0, i);
    }
  }
  for (size_t i = 0; i < threadgroup_memory.size(); i++) {
    send<void, Unsigned, Unsigned>(encoder, "setThreadgroupMemoryLength:atIndex:", threadgroup_memory[i], i);
  }
  for (long i = 0; i < repeat; i++) {
    send<void, Size, Size>(encoder, "dispatchThreadgroups:threadsPerThreadgroup:", groups, threads);
  }
  send<void>(encoder, "endEncoding");
  send<void>(commands, "commit");
  send<void>(commands, "waitUntilCompleted");
  if (send<Unsigned>(commands, "status") != 4)
    printf("%s\n", text_of(send(send(commands, "error"), "localizedDescription")));
  send<void>(queue, "release");
}

void Program::print() const {
  for (size_t i = 0; i < buffers.size(); i++) {
    if (!buffers[i]) continue;
    const auto *words = send<const uint32_t *>(buffers[i], "contents");
    printf("buffer %zu:", i);
    for (size_t w = 0; w < send<Unsigned>(buffers[i], "length") / sizeof *words; w++) printf(" %u", words[w]);
    printf("\n");
  }
}

} // namespace

int main(int count, char **arguments) {
  {
    const Pool pool;
    Program program;
    for (int i = 3; i < count; i++) {
      const std::string option = arguments[i];
      const bool has_value = option != "--unbound";
      program.read_option(option, has_value && i + 1 < count ? arguments[i + 1] : "");
      i += has_value;
    }
    id pipeline = program.pipeline(arguments[1], arguments[2]);
    program.run(pipeline);
    program.print();
    for (id buffer : program.buffers) send<void>(buffer, "release");
    for (id object : {pipeline, program.options, program.constants, program.device}) send<void>(object, "release");
  }
  printf("diagnostics: %zu\nobjects: %ld\n", diagnostics(), live_objects());
}
