// Runs kernels of this folder by themselves, without what the backend does around them: each test compiles the files it
// is about. CIDER_METAL_RUNTIME names the emulator; without it, Apple's GPU is used if there is one.
#pragma once

#include "../../../metal/host/objc.h"
#include "../../cpu/test.h"

#include <initializer_list>

namespace cider::test {

// The GPU that kernels run on; without one, the program ends.
metal::id the_device();

// Memory that a kernel sees.
class GpuBuffer {
public:
  explicit GpuBuffer(size_t bytes);
  ~GpuBuffer();
  GpuBuffer(const GpuBuffer &) = delete;
  GpuBuffer &operator=(const GpuBuffer &) = delete;
  metal::id object() const { return object_; }
  void *contents() const { return contents_; }

private:
  metal::id object_;
  void *contents_;
};

// So many elements in memory of exactly their size: of floats NaN, of integers -1 at first.
template <class T>
class OnGpu {
public:
  explicit OnGpu(size_t count) : buffer_(count * sizeof(T)), count_(count) {
    memset(buffer_.contents(), 0xff, count * sizeof(T));
  }
  T *data() { return static_cast<T *>(buffer_.contents()); }
  const T *data() const { return static_cast<const T *>(buffer_.contents()); }
  T &operator[](size_t index) { return data()[index]; }
  const T &operator[](size_t index) const { return data()[index]; }
  size_t size() const { return count_; }
  metal::id object() const { return buffer_.object(); }

private:
  GpuBuffer buffer_;
  size_t count_;
};

inline void fill(OnGpu<float> &values, float low, float high, Random &random) {
  for (size_t i = 0; i < values.size(); i++) values[i] = random.uniform(low, high);
}

// What is bound at an index: memory, bytes that are copied, or nothing.
struct Bound {
  metal::id buffer = nullptr;
  const void *bytes = nullptr;
  size_t length = 0;
  size_t offset = 0; // into memory
};
template <class T>
Bound bound(const OnGpu<T> &memory) {
  return {memory.object(), nullptr, 0};
}
template <class Parameters>
Bound bound(const Parameters &parameters) {
  return {nullptr, &parameters, sizeof parameters};
}
constexpr Bound nothing = {};
inline Bound bound(const Bound &already) { return already; }

struct Grid {
  uint32_t x, y = 1;
};

// Kernels of some files, compiled together. What goes wrong ends the program.
class Kernels {
public:
  explicit Kernels(std::initializer_list<const char *> files, unsigned long language = 0x30001);
  ~Kernels();
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;

  template <class... Arguments>
  void run(const char *name, Grid groups, uint32_t threads, const Arguments &...arguments) {
    const Bound list[] = {bound(arguments)...};
    launch(name, groups, threads, list, sizeof...(arguments));
  }

private:
  struct Pipeline {
    const char *name;
    metal::id object;
  };
  static constexpr uint32_t max_pipelines = 40;

  metal::id pipeline(const char *name);
  void launch(const char *name, Grid groups, uint32_t threads, const Bound *arguments, uint32_t count);

  metal::id library_, queue_;
  Pipeline pipelines_[max_pipelines];
  uint32_t pipeline_count_ = 0;
};

// A source that a test brings along.
void add_source(const char *name, const char *text);
// Changes a file before it is compiled, where a test shows that a bug in it would be found. The text must be there
// once.
void change_source(const char *file, const char *text, const char *replacement);

// Runs `body` for several orders of lanes and threadgroups, each in a process of its own, as the emulator chooses one
// when it starts; checks that fail and what the emulator diagnoses fail the test. The exit code of main.
int in_each_order(void (*body)());

} // namespace cider::test
