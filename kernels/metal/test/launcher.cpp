#include "launcher.h"

#include "../../../metal/host/sources.h"

#include <sys/wait.h>
#include <unistd.h>

namespace cider::metal {

namespace {

constexpr uint32_t max_sources = 64;
SourceFile sources[max_sources];
uint32_t source_count = 0;

// The whole file; null if it cannot be read.
unsigned char *read_source(const char *name, size_t &bytes) {
  char path[512];
  const char *here = __FILE__;
  const char *slash = strrchr(here, '/');
  snprintf(path, sizeof path, "%.*s/../%s", static_cast<int>(slash - here), here, name);
  FILE *file = fopen(path, "rb");
  if (file == nullptr) return nullptr;
  fseek(file, 0, SEEK_END);
  bytes = static_cast<size_t>(ftell(file));
  rewind(file);
  auto *text = static_cast<unsigned char *>(malloc(bytes + 1));
  if (text != nullptr && fread(text, 1, bytes, file) != bytes) {
    free(text);
    text = nullptr;
  }
  fclose(file);
  if (text != nullptr) text[bytes] = 0;
  return text;
}

SourceFile *source_named(const char *name) {
  for (uint32_t i = 0; i < source_count; i++) {
    if (strcmp(sources[i].name, name) == 0) return &sources[i];
  }
  size_t bytes = 0;
  unsigned char *text = source_count < max_sources ? read_source(name, bytes) : nullptr;
  if (text == nullptr) return nullptr;
  sources[source_count] = {strdup(name), text, bytes};
  return &sources[source_count++];
}

} // namespace

// In the library the files are part of the program; a test reads them as they are.
const SourceFile *find_source(const char *name) { return source_named(name); }

} // namespace cider::metal

namespace cider::test {

using namespace metal;

namespace {

[[noreturn]] void stop(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

[[noreturn]] void stop(const char *what, id error) {
  Text text;
  append_error(text, error);
  stop(what, text.words());
}

constexpr UInteger shared_storage = 0;
constexpr UInteger safe_math = 0;
constexpr UInteger completed = 4;

} // namespace

id the_device() {
  static id device = nullptr;
  if (device != nullptr) return device;
  if (runtime() == nullptr) stop("no Metal", runtime_problem());
  device = runtime()->default_device();
  if (device == nullptr) stop("no Metal", "there is no device");
  return device;
}

void add_source(const char *name, const char *text) {
  if (source_count == max_sources) stop(name, "too many sources for one test");
  sources[source_count++] = {name, reinterpret_cast<const unsigned char *>(text), strlen(text)};
}

void change_source(const char *file, const char *text, const char *replacement) {
  SourceFile *source = source_named(file);
  if (source == nullptr) stop(file, "cannot be read");
  const auto *old = reinterpret_cast<const char *>(source->text);
  const char *at = strstr(old, text);
  if (at == nullptr || strstr(at + 1, text) != nullptr) stop(text, "is not in the file, or more than once");
  Text changed;
  changed.append(old, static_cast<size_t>(at - old));
  changed.append(replacement);
  changed.append(at + strlen(text));
  source->bytes = changed.length();
  source->text = reinterpret_cast<unsigned char *>(strdup(changed.words()));
}

GpuBuffer::GpuBuffer(size_t bytes) {
  object_ = send<id, UInteger, UInteger>(the_device(), &Selectors::new_buffer, bytes, shared_storage);
  if (object_ == nullptr) stop("no memory", "newBufferWithLength:options: gave none");
  contents_ = send<void *>(object_, &Selectors::contents);
}

GpuBuffer::~GpuBuffer() { release(object_); }

Kernels::Kernels(std::initializer_list<const char *> files, unsigned long language) {
  Text source;
  if (!join_sources(files.begin(), static_cast<uint32_t>(files.size()), source)) stop(*files.begin(), "cannot be read");
  const Pool pool;
  const Owned options(send<id>(send<id>(class_named("MTLCompileOptions"), &Selectors::alloc), &Selectors::init));
  send<void, UInteger>(options.get(), &Selectors::set_language_version, language);
  if (responds(options.get(), &Selectors::set_math_mode)) {
    send<void, UInteger>(options.get(), &Selectors::set_math_mode, safe_math);
  }
  id error = nullptr;
  library_ =
      send<id, id, id, id *>(the_device(), &Selectors::new_library, string_of(source.words()), options.get(), &error);
  if (library_ == nullptr) stop(*files.begin(), error);
  queue_ = send<id>(the_device(), &Selectors::new_command_queue);
}

Kernels::~Kernels() {
  for (uint32_t i = 0; i < pipeline_count_; i++) release(pipelines_[i].object);
  release(queue_);
  release(library_);
}

id Kernels::pipeline(const char *name) {
  for (uint32_t i = 0; i < pipeline_count_; i++) {
    if (strcmp(pipelines_[i].name, name) == 0) return pipelines_[i].object;
  }
  if (pipeline_count_ == max_pipelines) stop(name, "too many kernels for one test");
  const Pool pool;
  const Owned function(send<id, id>(library_, &Selectors::new_function, string_of(name)));
  if (function.get() == nullptr) stop(name, "there is no such kernel");
  id error = nullptr;
  const id object = send<id, id, id *>(the_device(), &Selectors::new_pipeline, function.get(), &error);
  if (object == nullptr) stop(name, error);
  pipelines_[pipeline_count_++] = {name, object};
  return object;
}

void Kernels::launch(const char *name, Grid groups, uint32_t threads, const Bound *arguments, uint32_t count) {
  const id ready = pipeline(name);
  const Pool pool;
  const id commands = send<id>(queue_, &Selectors::command_buffer);
  const id encoder = send<id>(commands, &Selectors::compute_command_encoder);
  send<void, id>(encoder, &Selectors::set_pipeline, ready);
  for (uint32_t i = 0; i < count; i++) {
    const Bound &argument = arguments[i];
    if (argument.bytes != nullptr) {
      send<void, const void *, UInteger, UInteger>(encoder, &Selectors::set_bytes, argument.bytes, argument.length, i);
    } else if (argument.buffer != nullptr) {
      send<void, id, UInteger, UInteger>(encoder, &Selectors::set_buffer, argument.buffer, argument.offset, i);
    }
  }
  send<void, Size, Size>(encoder, &Selectors::dispatch, {groups.x, groups.y, 1}, {threads, 1, 1});
  send<void>(encoder, &Selectors::end_encoding);
  send<void>(commands, &Selectors::commit);
  send<void>(commands, &Selectors::wait_until_completed);
  if (send<UInteger>(commands, &Selectors::status) != completed) stop(name, send<id>(commands, &Selectors::error));
}

int in_each_order(void (*body)()) {
  int worst = 0;
  for (const char *order : {"forward", "backward", "3"}) {
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      setenv("CIDER_EMULATOR_ORDER", order, 1);
      setenv("CIDER_EMULATOR_FATAL", "1", 1);
      body();
      exit(report());
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      fprintf(stderr, "order %s: failed\n", order);
      worst = 1;
    }
  }
  return worst;
}

} // namespace cider::test
