// MTLDevice, of which there is one, and the functions that find it.
#include <mutex>

#include "../objc/object.h"
#include "../runtime/diagnose.h"
#include "../runtime/launch.h"
#include "buffer.h"
#include "collections.h"
#include "compile-options.h"
#include "gpu.h"
#include "library.h"
#include "pipeline.h"
#include "queue.h"
#include "string.h"

namespace emulator {
namespace {

class Architecture : public Object {
public:
  static Class &objc_class();
};

class Device : public Object {
public:
  static Class &objc_class();
  ~Device() override;
};

// While somebody owns it.
Device *existing = nullptr;
std::mutex mutex;

Device *system_device() {
  const std::lock_guard lock(mutex);
  if (existing)
    retain(existing);
  else
    existing = make<Device>();
  return existing;
}

String *architecture_name(Architecture *, Selector) { return string(gpu().architecture); }

String *name(Device *, Selector) { return string(gpu().name); }
Architecture *architecture(Device *, Selector) { return autoreleased(make<Architecture>()); }
Boolean supports(Device *, Selector, long family) { return supports_family(family); }
Unsigned max_buffer_length(Device *, Selector) { return gpu().max_buffer_bytes; }
Unsigned max_threadgroup_memory(Device *, Selector) { return MAX_THREADGROUP_BYTES; }
unsigned long long working_set(Device *, Selector) { return gpu().working_set_bytes; }
Boolean has_unified_memory(Device *, Selector) { return true; }

Library *library(Device *, Selector selector, String *source, CompileOptions *options, Error **error) {
  if (!source) fail("%s was given no source", selector);
  return new_library(source->text, options ? options->settings : CompileSettings(), error);
}
Pipeline *pipeline(Device *, Selector, Function *function, Error **error) { return new_pipeline(function, error); }
Queue *queue(Device *, Selector) { return make<Queue>(); }
Buffer *buffer(Device *, Selector, Unsigned bytes, Unsigned options) { return new_buffer(bytes, options); }
Buffer *buffer_with_bytes(Device *, Selector, const void *data, Unsigned bytes, Unsigned options) {
  return new_buffer_with_bytes(data, bytes, options);
}
Buffer *buffer_without_copy(Device *, Selector, void *data, Unsigned bytes, Unsigned options, const void *deallocator) {
  return new_buffer_without_copy(data, bytes, options, deallocator);
}

[[maybe_unused]] Class &device_class = Device::objc_class(), &part_class = Architecture::objc_class();

Class &Architecture::objc_class() {
  static Class &made = define_class("MTLArchitecture", object_class(), {method("name", architecture_name)});
  return made;
}

Class &Device::objc_class() {
  static Class &made = define_class(
      "MTLDevice", object_class(),
      {method("name", name), method("architecture", architecture), method("supportsFamily:", supports),
       method("maxBufferLength", max_buffer_length), method("maxThreadgroupMemoryLength", max_threadgroup_memory),
       method("recommendedMaxWorkingSetSize", working_set), method("hasUnifiedMemory", has_unified_memory),
       method("newLibraryWithSource:options:error:", library),
       method("newComputePipelineStateWithFunction:error:", pipeline), method("newCommandQueue", queue),
       method("newBufferWithLength:options:", buffer), method("newBufferWithBytes:length:options:", buffer_with_bytes),
       method("newBufferWithBytesNoCopy:length:options:deallocator:", buffer_without_copy)});
  return made;
}

Device::~Device() {
  const std::lock_guard lock(mutex);
  existing = nullptr;
}

} // namespace
} // namespace emulator

#define EXPORTED __attribute__((visibility("default")))

extern "C" {

EXPORTED emulator::Object *MTLCreateSystemDefaultDevice() { return emulator::system_device(); }

EXPORTED emulator::Object *MTLCopyAllDevices() {
  auto *devices = emulator::make<emulator::Array>();
  emulator::Object *device = emulator::system_device();
  devices->elements.emplace_back(device);
  emulator::release(device);
  return devices;
}
}
