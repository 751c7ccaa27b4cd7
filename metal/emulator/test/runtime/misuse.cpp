// misuse NAME: a host that does one thing wrong, or right where that is easily taken for wrong.
#include <string.h>
#include <map>
#include <string>
#include <vector>

#include "objective-c.h"

namespace {

constexpr Unsigned PAGE = 16384;

id new_buffer(id device, Unsigned bytes) {
  return send<id, Unsigned, Unsigned>(device, "newBufferWithLength:options:", bytes, 0);
}

// Null, and why in `error`, if the source is refused.
id new_library(id device, const char *source, id *error) {
  return send<id, id, id, id *>(device, "newLibraryWithSource:options:error:", string(source), nullptr, error);
}

[[noreturn]] void stop(id error) {
  printf("%s\n", text_of(send(error, "localizedDescription")));
  exit(1);
}

// mark writes 7 to where[0]; append adds a decimal digit.
id new_pipeline(id device, const char *name = "mark") {
  const char *source = "#include <metal_stdlib>\n"
                       "kernel void mark(device uint *out [[buffer(0)]], device const int *where [[buffer(1)]]) {\n"
                       "  out[where[0]] = 7;\n"
                       "}\n"
                       "kernel void append(device uint *out [[buffer(0)]], constant uint &digit [[buffer(1)]]) {\n"
                       "  out[0] = out[0] * 10 + digit;\n"
                       "}\n";
  id error = nullptr;
  id library = new_library(device, source, &error);
  if (!library) stop(error);
  id function = send<id, id>(library, "newFunctionWithName:", string(name));
  id pipeline = send<id, id, id *>(device, "newComputePipelineStateWithFunction:error:", function, &error);
  send<void>(function, "release");
  send<void>(library, "release");
  if (!pipeline) stop(error);
  return pipeline;
}

void bind(id encoder, id pipeline, id out, id where) {
  send<void, id>(encoder, "setComputePipelineState:", pipeline);
  send<void, id, Unsigned, Unsigned>(encoder, "setBuffer:offset:atIndex:", out, 0, 0);
  send<void, id, Unsigned, Unsigned>(encoder, "setBuffer:offset:atIndex:", where, 0, 1);
}

void dispatch(id encoder) {
  send<void, Size, Size>(encoder, "dispatchThreadgroups:threadsPerThreadgroup:", {1, 1, 1}, {1, 1, 1});
}

// ---- references ----

void over_release() {
  id device = system_device();
  send<void>(device, "release");
  send<void>(device, "release");
}

void message_to_deallocated() {
  id buffer = new_buffer(system_device(), 16);
  send<void>(buffer, "release");
  send<void *>(buffer, "contents");
}

void message_to_nil() { printf("%lu %g\n", send<Unsigned>(nullptr, "length"), send<double>(nullptr, "GPUStartTime")); }

void unknown_selector() { send(system_device(), "newHeapWithDescriptor:"); }
void unknown_class_selector() { send(class_named("NSString"), "stringWithFormat:"); }
void unregistered_selector() {
  auto *const message = runtime_function<id(id, const char *)>("objc_msgSend");
  message(system_device(), "newLibrary");
}
void autorelease_without_pool() { string("nowhere to go"); }

void pool_popped_twice() {
  auto *const push = runtime_function<void *()>("objc_autoreleasePoolPush");
  auto *const pop = runtime_function<void(void *)>("objc_autoreleasePoolPop");
  void *outer = push();
  void *inner = push();
  pop(outer);
  pop(inner);
}

void pooled_object_outlives_pool() {
  id text;
  {
    const Pool pool;
    text = string("short-lived");
  }
  text_of(text);
}

void retained_object_outlives_pool() {
  id text;
  {
    const Pool pool;
    text = send(string("kept"), "retain");
  }
  printf("%s\n", text_of(text));
  send<void>(text, "release");
}

void leak() { new_buffer(system_device(), 16); }

// ---- buffers ----

void unaligned_bytes_without_copy() {
  auto *memory = static_cast<char *>(aligned_alloc(PAGE, 2 * PAGE));
  const char *name = "newBufferWithBytesNoCopy:length:options:deallocator:";
  id device = system_device();
  for (const auto &[data, length] : {std::pair{memory + 64, PAGE}, {memory, PAGE + 64}, {memory, PAGE}}) {
    id buffer = send<id, void *, Unsigned, Unsigned, void *>(device, name, data, length, 0, nullptr);
    printf("%d\n", buffer != nullptr && send<char *>(buffer, "contents") == data);
  }
}

void buffers_at_the_limit() {
  id device = system_device();
  const Unsigned limit = send<Unsigned>(device, "maxBufferLength");
  for (Unsigned bytes : {limit, limit + 1}) printf("%d\n", new_buffer(device, bytes) != nullptr);
}

void private_buffer_has_no_contents() {
  id buffer = send<id, Unsigned, Unsigned>(system_device(), "newBufferWithLength:options:", 16, 0x20);
  printf("%d\n", buffer != nullptr && send<void *>(buffer, "contents") == nullptr);
}

void host_writes_beside_buffer() {
  id buffer = new_buffer(system_device(), 20);
  send<char *>(buffer, "contents")[20] = 0;
  send<void>(buffer, "release");
}

// ---- the order of calls ----

struct Session {
  id device = system_device();
  id queue = send(device, "newCommandQueue");
  id pipeline = new_pipeline(device);
  id out = new_buffer(device, 64), where = new_buffer(device, 4);
  id commands = send(queue, "commandBuffer");

  void run() {
    id encoder = send(commands, "computeCommandEncoder");
    bind(encoder, pipeline, out, where);
    dispatch(encoder);
    send<void>(encoder, "endEncoding");
    send<void>(commands, "commit");
  }
  unsigned result() const { return *send<unsigned *>(out, "contents"); }
};

void read_before_wait() {
  const Pool pool;
  Session session;
  session.run();
  printf("%u status %lu\n", session.result(), send<Unsigned>(session.commands, "status"));
  send<void>(session.commands, "waitUntilCompleted");
  printf("%u status %lu\n", session.result(), send<Unsigned>(session.commands, "status"));
  const double start = send<double>(session.commands, "GPUStartTime"),
               end = send<double>(session.commands, "GPUEndTime");
  printf("%d\n", start > 0 && end >= start);
}

// The later buffer of a queue completes the earlier one, which kept what its caller gave up.
void wait_for_a_later_one() {
  const Pool pool;
  Session session;
  session.run();
  send<void>(session.where, "release");
  send<void>(session.pipeline, "release");
  id later = send(session.queue, "commandBuffer");
  send<void>(later, "commit");
  send<void>(later, "waitUntilCompleted");
  printf("%u status %lu\n", session.result(), send<Unsigned>(session.commands, "status"));
  for (id object : {session.out, session.queue, session.device}) send<void>(object, "release");
}

void encode_after_end() {
  const Pool pool;
  Session session;
  id encoder = send(session.commands, "computeCommandEncoder");
  send<void>(encoder, "endEncoding");
  send<void, id>(encoder, "setComputePipelineState:", session.pipeline);
}

void end_twice() {
  const Pool pool;
  id encoder = send(Session().commands, "computeCommandEncoder");
  send<void>(encoder, "endEncoding");
  send<void>(encoder, "endEncoding");
}

void two_encoders() {
  const Pool pool;
  Session session;
  id first = send(session.commands, "computeCommandEncoder"), second = send(session.commands, "computeCommandEncoder");
  send<void>(first, "endEncoding");
  send<void>(second, "endEncoding");
}

void commit_while_encoding() {
  const Pool pool;
  Session session;
  id encoder = send(session.commands, "computeCommandEncoder");
  send<void>(session.commands, "commit");
  send<void>(encoder, "endEncoding");
}

void encoder_never_ends() {
  const Pool pool;
  send(Session().commands, "computeCommandEncoder");
}

void commit_twice() {
  const Pool pool;
  Session session;
  send<void>(session.commands, "commit");
  send<void>(session.commands, "commit");
}

void encode_after_commit() {
  const Pool pool;
  Session session;
  send<void>(session.commands, "commit");
  send<void>(send(session.commands, "computeCommandEncoder"), "endEncoding");
}

void wait_without_commit() {
  const Pool pool;
  send<void>(Session().commands, "waitUntilCompleted");
}

void dispatch_without_pipeline() {
  const Pool pool;
  id encoder = send(Session().commands, "computeCommandEncoder");
  dispatch(encoder);
  send<void>(encoder, "endEncoding");
}

void too_many_command_buffers() {
  const Pool pool;
  id queue = send(system_device(), "newCommandQueue");
  for (int i = 0; i < 65; i++) send(queue, "commandBuffer");
}

void many_committed_command_buffers() {
  const Pool pool;
  id queue = send(system_device(), "newCommandQueue");
  id first = send(queue, "commandBuffer");
  send<void>(first, "commit");
  for (int i = 0; i < 70; i++) send<void>(send(queue, "commandBuffer"), "commit");
  printf("status %lu\n", send<Unsigned>(first, "status"));
}

// Digits 1 to 5 with a barrier behind 3: what is between barriers may run in any order.
void concurrent_dispatches() {
  const Pool pool;
  Session session;
  id append = new_pipeline(session.device, "append");
  const Unsigned concurrent = 1, buffers = 1;
  id encoder = send<id, Unsigned>(session.commands, "computeCommandEncoderWithDispatchType:", concurrent);
  bind(encoder, append, session.out, nullptr);
  for (unsigned digit = 1; digit <= 5; digit++) {
    send<void, const void *, Unsigned, Unsigned>(encoder, "setBytes:length:atIndex:", &digit, sizeof digit, 1);
    dispatch(encoder);
    if (digit == 3) send<void, Unsigned>(encoder, "memoryBarrierWithScope:", buffers);
  }
  send<void>(encoder, "endEncoding");
  send<void>(session.commands, "commit");
  send<void>(session.commands, "waitUntilCompleted");
  printf("%u\n", session.result());
}

// ---- arguments of an encoder ----

template <typename Encode>
void encode(Encode with) {
  const Pool pool;
  id encoder = send(Session().commands, "computeCommandEncoder");
  with(encoder);
  send<void>(encoder, "endEncoding");
}

void bytes_too_long() {
  static const char bytes[4097] = {};
  encode([](id encoder) {
    const char *name = "setBytes:length:atIndex:";
    send<void, const void *, Unsigned, Unsigned>(encoder, name, bytes, 4096, 0);
    send<void, const void *, Unsigned, Unsigned>(encoder, name, bytes, 4097, 0);
  });
}

void slot_too_high() {
  encode([](id encoder) {
    const int word = 0;
    const char *name = "setBytes:length:atIndex:";
    send<void, const void *, Unsigned, Unsigned>(encoder, name, &word, 4, 30);
    send<void, const void *, Unsigned, Unsigned>(encoder, name, &word, 4, 31);
  });
}

void offset_behind_buffer() {
  encode([](id encoder) {
    id buffer = new_buffer(system_device(), 64);
    const char *name = "setBuffer:offset:atIndex:";
    send<void, id, Unsigned, Unsigned>(encoder, name, buffer, 60, 0);
    send<void, id, Unsigned, Unsigned>(encoder, name, buffer, 64, 0);
  });
}

void odd_threadgroup_memory() {
  encode([](id encoder) {
    const char *name = "setThreadgroupMemoryLength:atIndex:";
    send<void, Unsigned, Unsigned>(encoder, name, 32, 0);
    send<void, Unsigned, Unsigned>(encoder, name, 40, 0);
  });
}

// ---- the machine ----

void machine() {
  const Pool pool;
  id device = system_device();
  printf("%s\n", text_of(send(device, "name")));
  printf("%s\n", text_of(send(send(device, "architecture"), "name")));
  for (long family : {1009, 1010, 5001, 5002}) printf("%d", send<bool, long>(device, "supportsFamily:", family));
  printf("\n");
  id info = send(class_named("NSProcessInfo"), "processInfo");
  printf("%s\n", text_of(send(info, "operatingSystemVersionString")));
  struct Version {
    long major, minor, patch;
  };
  for (Version version : {Version{26, 4, 0}, {26, 5, 0}, {26, 5, 1}, {27, 0, 0}}) {
    printf("%d", send<bool, Version>(info, "isOperatingSystemAtLeastVersion:", version));
  }
  id devices = runtime_function<id()>("MTLCopyAllDevices")();
  printf("\n%lu %d\n", send<Unsigned>(devices, "count"), send<id, Unsigned>(devices, "objectAtIndex:", 0) == device);
  send<void>(devices, "release");
  send<void>(device, "release");
}

void refused_languages() {
  const Pool pool;
  id device = system_device();
  id options = send(send(class_named("MTLCompileOptions"), "alloc"), "init");
  for (Unsigned language : {0x30001, 0x30002, 0x40000, 0x40001}) {
    send<void, Unsigned>(options, "setLanguageVersion:", language);
    id error = nullptr;
    id library = send<id, id, id, id *>(
        device, "newLibraryWithSource:options:error:", string("#include <metal_stdlib>\n"), options, &error);
    printf("%s\n", library ? "compiled" : text_of(send(error, "localizedDescription")));
  }
}

// A library with an error beside it.
void warnings() {
  const Pool pool;
  id error = nullptr;
  id library = new_library(system_device(), "#warning \"be warned\"\n#include <metal_stdlib>\n", &error);
  printf("%d %ld\n%s\n", library != nullptr, send<long>(error, "code"), text_of(send(error, "localizedDescription")));
}

void faults() {
  const Pool pool;
  Session session;
  printf("buffer %d\n", session.out != nullptr);
  session.run();
  send<void>(session.commands, "waitUntilCompleted");
  printf("status %lu\n", send<Unsigned>(session.commands, "status"));
  if (id error = send(session.commands, "error")) printf("%s\n", text_of(send(error, "localizedDescription")));
}

#define CASE(name) {#name, name}
const std::map<std::string, void (*)()> cases = {
    CASE(over_release),
    CASE(message_to_deallocated),
    CASE(message_to_nil),
    CASE(unknown_selector),
    CASE(unknown_class_selector),
    CASE(unregistered_selector),
    CASE(autorelease_without_pool),
    CASE(pool_popped_twice),
    CASE(pooled_object_outlives_pool),
    CASE(retained_object_outlives_pool),
    CASE(leak),
    CASE(unaligned_bytes_without_copy),
    CASE(buffers_at_the_limit),
    CASE(private_buffer_has_no_contents),
    CASE(host_writes_beside_buffer),
    CASE(read_before_wait),
    CASE(wait_for_a_later_one),
    CASE(encode_after_end),
    CASE(end_twice),
    CASE(two_encoders),
    CASE(commit_while_encoding),
    CASE(encoder_never_ends),
    CASE(commit_twice),
    CASE(encode_after_commit),
    CASE(wait_without_commit),
    CASE(dispatch_without_pipeline),
    CASE(too_many_command_buffers),
    CASE(many_committed_command_buffers),
    CASE(concurrent_dispatches),
    CASE(bytes_too_long),
    CASE(slot_too_high),
    CASE(offset_behind_buffer),
    CASE(odd_threadgroup_memory),
    CASE(machine),
    CASE(refused_languages),
    CASE(warnings),
    CASE(faults),
};

} // namespace

int main(int count, char **arguments) {
  const auto found = count == 2 ? cases.find(arguments[1]) : cases.end();
  if (found == cases.end()) {
    fprintf(stderr, "name one of the cases\n");
    return 2;
  }
  found->second();
  printf("diagnostics: %zu\nobjects: %ld\n", diagnostics(), live_objects());
}
