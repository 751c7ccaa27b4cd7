// How fast ggml, the engine of llama.cpp, multiplies the matrices that `cider bench` does.
//
//   npm install --ignore-scripts @node-llama-cpp/linux-x64@3.22.1     (llama.cpp's libraries, as built for Node)
//   g++ -O2 ggml.cpp -ldl -o ggml
//   ./ggml node_modules/@node-llama-cpp/linux-x64/bins/linux-x64 2 1,8,128 4096x4096,10240x2560
//
// Arguments: folder of the libraries, threads, M list, N×K list. Figures include quantizing the activations, as cider's
// do. Every buffer type that the CPU backend offers is tried ("CPU" is the plain one; others repack weights or use AMX)
// and printed under its name. Weights are cold: each call takes the next of as many copies as fill 192 MB. Medians of
// at least 5 runs and a fifth of a second.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

// The part of ggml's C interface that is used here, declared by hand as the libraries come without headers.
struct ggml_context;
struct ggml_tensor;
struct ggml_cgraph;
struct InitParams {
  size_t mem_size;
  void *mem_buffer;
  bool no_alloc;
};

namespace {

constexpr size_t COLD_BYTES = 192u << 20;
constexpr int CPU_DEVICE = 0;
constexpr struct {
  const char *name;
  int type;
} formats[] = {{"q8_0", 8}, {"q4_0", 2}, {"bf16", 30}, {"f32", 0}};

void *libraries[2]; // base and loader

template <class Function> Function *symbol(const char *name) {
  for (void *library : libraries)
    if (void *found = dlsym(library, name)) return reinterpret_cast<Function *>(found);
  fprintf(stderr, "ggml has no %s\n", name);
  exit(6);
}

std::vector<std::string> split(const std::string &text, char at) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Milliseconds of one product in weights of `type` held in `buffers`; negative where they do not support it.
double measure(void *backend, void *device, void *buffers, int type, long m, long n, long k) {
  const auto ggml_init = symbol<ggml_context *(InitParams)>("ggml_init");
  const auto ggml_free = symbol<void(ggml_context *)>("ggml_free");
  const auto new_tensor = symbol<ggml_tensor *(ggml_context *, int, int64_t, int64_t)>("ggml_new_tensor_2d");
  const auto mul_mat = symbol<ggml_tensor *(ggml_context *, ggml_tensor *, ggml_tensor *)>("ggml_mul_mat");
  const auto new_graph = symbol<ggml_cgraph *(ggml_context *)>("ggml_new_graph");
  const auto expand = symbol<void(ggml_cgraph *, ggml_tensor *)>("ggml_build_forward_expand");
  const auto allocate = symbol<void *(ggml_context *, void *)>("ggml_backend_alloc_ctx_tensors_from_buft");
  const auto release = symbol<void(void *)>("ggml_backend_buffer_free");
  const auto default_buffers = symbol<void *(void *)>("ggml_backend_get_default_buffer_type");
  const auto set_tensor = symbol<void(ggml_tensor *, const void *, size_t, size_t)>("ggml_backend_tensor_set");
  const auto bytes_of = symbol<size_t(const ggml_tensor *)>("ggml_nbytes");
  const auto quantize = symbol<size_t(int, const float *, void *, int64_t, int64_t, int64_t, const float *)>("ggml_quantize_chunk");
  const auto supports = symbol<bool(void *, const ggml_tensor *)>("ggml_backend_dev_supports_op");
  const auto compute = symbol<int(void *, ggml_cgraph *)>("ggml_backend_graph_compute");

  constexpr size_t META_BYTES = 16u << 20;
  ggml_context *weight_context = ggml_init({META_BYTES, nullptr, true});
  ggml_context *context = ggml_init({META_BYTES, nullptr, true});
  std::vector<ggml_tensor *> weights;
  for (size_t bytes = 0; bytes < COLD_BYTES; bytes += bytes_of(weights.back()))
    weights.push_back(new_tensor(weight_context, type, k, n));
  void *weight_memory = allocate(weight_context, buffers);
  ggml_tensor *x = new_tensor(context, 0, k, m);
  std::vector<ggml_cgraph *> graphs;
  std::vector<ggml_tensor *> products;
  for (ggml_tensor *weight : weights) {
    products.push_back(mul_mat(context, weight, x));
    graphs.push_back(new_graph(context));
    expand(graphs.back(), products.back());
  }
  void *memory = allocate(context, default_buffers(backend));
  double median = -1;
  if (weight_memory && memory && supports(device, products[0])) {
    std::vector<float> floats(static_cast<size_t>(std::max(n, m) * k));
    for (size_t i = 0; i < floats.size(); i++) floats[i] = static_cast<float>(i % 251) / 251 - 0.5f;
    std::vector<char> stored(bytes_of(weights[0]));
    if (type == 0) std::copy_n(reinterpret_cast<char *>(floats.data()), stored.size(), stored.data());
    else quantize(type, floats.data(), stored.data(), 0, n, k, nullptr);
    for (ggml_tensor *weight : weights) set_tensor(weight, stored.data(), 0, stored.size());
    set_tensor(x, floats.data(), 0, bytes_of(x));
    std::vector<double> samples;
    double total = 0;
    for (size_t run = 0; samples.size() < 6 || total < 200; run++) {
      const auto start = std::chrono::steady_clock::now();
      compute(backend, graphs[run % graphs.size()]);
      samples.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
      total += samples.back();
    }
    samples.erase(samples.begin());
    std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
    median = samples[samples.size() / 2];
  }
  if (memory) release(memory);
  if (weight_memory) release(weight_memory);
  ggml_free(context);
  ggml_free(weight_context);
  return median;
}

} // namespace

int main(int count, char **arguments) {
  if (count != 5) {
    fprintf(stderr, "usage: %s LIBRARIES THREADS M[,M...] NxK[,NxK...]\n", arguments[0]);
    return 2;
  }
  const std::string folder = arguments[1];
  libraries[0] = dlopen((folder + "/libggml-base.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
  libraries[1] = dlopen((folder + "/libggml.v0.5.0.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!libraries[0] || !libraries[1]) {
    fprintf(stderr, "%s\n", dlerror());
    return 6;
  }
  symbol<void(const char *)>("ggml_backend_load_all_from_path")(folder.c_str());
  void *backend = symbol<void *(int, const char *)>("ggml_backend_init_by_type")(CPU_DEVICE, nullptr);
  void *device = symbol<void *(void *)>("ggml_backend_get_device")(backend);
  void *registry = symbol<void *(void *)>("ggml_backend_dev_backend_reg")(device);
  const auto procedure = symbol<void *(void *, const char *)>("ggml_backend_reg_get_proc_address");
  reinterpret_cast<void (*)(void *, int)>(procedure(registry, "ggml_backend_set_n_threads"))(backend, atoi(arguments[2]));
  std::vector<void *> buffer_types = {symbol<void *(void *)>("ggml_backend_get_default_buffer_type")(backend)};
  if (void *extra = procedure(registry, "ggml_backend_dev_get_extra_bufts"))
    for (void **type = reinterpret_cast<void **(*)(void *)>(extra)(device); type && *type; type++) buffer_types.push_back(*type);

  printf("%-24s %6s %6s %6s %10s %8s\n", "kernel", "N", "K", "M", "ms", "GOPS");
  for (const std::string &shape : split(arguments[4], ',')) {
    const long n = atol(shape.c_str()), k = atol(shape.substr(shape.find('x') + 1).c_str());
    for (const std::string &rows : split(arguments[3], ',')) {
      const long m = atol(rows.c_str());
      for (const auto &format : formats) {
        for (void *buffers : buffer_types) {
          const double milliseconds = measure(backend, device, buffers, format.type, m, n, k);
          if (milliseconds < 0) continue;
          const std::string name = std::string("ggml ") + format.name + " " +
                                   symbol<const char *(void *)>("ggml_backend_buft_name")(buffers);
          printf("%-24s %6ld %6ld %6ld %10.4f %8.1f\n", name.c_str(), n, k, m, milliseconds,
                 2e-6 * double(m) * double(n) * double(k) / milliseconds);
        }
      }
    }
  }
}
