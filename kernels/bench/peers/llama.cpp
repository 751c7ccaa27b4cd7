// How fast llama.cpp reads a prompt and writes after it, as `cider bench MODEL` measures it.
//
//   npm install --ignore-scripts @node-llama-cpp/linux-x64@3.22.1     (llama.cpp's libraries, as built for Node)
//   g++ -O2 llama.cpp -ldl -o llama
//   ./llama node_modules/@node-llama-cpp/linux-x64/bins/linux-x64 MODEL.gguf 2 128,512,2048
//
// Arguments: folder of the libraries, a GGUF (fixtures/real/make_gguf.py writes one), threads, lengths of prompts.
// Token ids are arbitrary, batches as llama.cpp has them by default. Medians of 5 prompts after one more, and of 64
// tokens after the last of them.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

// The part of llama.cpp's C interface that is used here, declared by hand as the libraries come without headers.
struct llama_model;
struct llama_context;
struct llama_batch {
  int32_t n_tokens;
  int32_t *token;
  float *embd;
  int32_t *pos;
  int32_t *n_seq_id;
  int32_t **seq_id;
  int8_t *logits;
};
// Only the first members matter. What is behind them differs from release to release; as these structs are larger than
// any of theirs and the last argument of a call, they are passed on whole (x86-64, by way of the stack).
struct llama_context_params {
  uint32_t n_ctx;
  char rest[508];
};
struct llama_model_params {
  char members[512];
};

namespace {

constexpr int PROMPTS = 6;
constexpr int STEPS = 64;
constexpr int32_t TOKENS = 1000;

void *library;

template <class Function> Function *symbol(const char *name) {
  if (void *found = dlsym(library, name)) return reinterpret_cast<Function *>(found);
  fprintf(stderr, "llama.cpp has no %s\n", name);
  exit(6);
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

// Seconds that llama.cpp takes for the tokens that follow those before them.
double decode(llama_context *context, std::vector<int32_t> &tokens) {
  static const auto make_batch = symbol<llama_batch(int32_t *, int32_t)>("llama_batch_get_one");
  static const auto run = symbol<int32_t(llama_context *, llama_batch)>("llama_decode");
  static const auto synchronize = symbol<void(llama_context *)>("llama_synchronize");
  const auto start = std::chrono::steady_clock::now();
  if (run(context, make_batch(tokens.data(), static_cast<int32_t>(tokens.size()))) != 0) exit(1);
  synchronize(context);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

int main(int count, char **arguments) {
  if (count != 5) {
    fprintf(stderr, "usage: %s LIBRARIES MODEL.gguf THREADS LENGTH[,LENGTH...]\n", arguments[0]);
    return 2;
  }
  const std::string folder = arguments[1];
  for (const char *name : {"/libggml-base.so", "/libggml.v0.5.0.so", "/libllama.v0.5.0.so"}) {
    library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      fprintf(stderr, "%s\n", dlerror());
      return 6;
    }
  }
  symbol<void(void (*)(int, const char *, void *), void *)>("llama_log_set")([](int, const char *, void *) {}, nullptr);
  symbol<void(const char *)>("ggml_backend_load_all_from_path")(folder.c_str());
  llama_model *model = symbol<llama_model *(const char *, llama_model_params)>("llama_model_load_from_file")(
      arguments[2], symbol<llama_model_params()>("llama_model_default_params")());
  if (!model) {
    fprintf(stderr, "%s: not loaded\n", arguments[2]);
    return 3;
  }
  printf("%10s %18s %18s\n", "tokens", "prefill tokens/s", "decode tokens/s");
  for (const char *next = arguments[4]; *next;) {
    char *end;
    const auto length = static_cast<uint32_t>(strtoul(next, &end, 10));
    next = end + (*end == ',');
    llama_context_params params = symbol<llama_context_params()>("llama_context_default_params")();
    params.n_ctx = length + STEPS;
    llama_context *context =
        symbol<llama_context *(llama_model *, llama_context_params)>("llama_init_from_model")(model, params);
    const int threads = atoi(arguments[3]);
    symbol<void(llama_context *, int32_t, int32_t)>("llama_set_n_threads")(context, threads, threads);
    void *memory = symbol<void *(llama_context *)>("llama_get_memory")(context);
    std::vector<int32_t> prompt(length);
    for (uint32_t i = 0; i < length; i++) prompt[i] = static_cast<int32_t>(i * 7 % TOKENS);
    std::vector<double> prefill;
    for (int run = 0; run < PROMPTS; run++) {
      symbol<void(void *, bool)>("llama_memory_clear")(memory, true);
      prefill.push_back(decode(context, prompt));
    }
    prefill.erase(prefill.begin());
    std::vector<double> steps;
    for (int32_t step = 0; step < STEPS; step++) {
      std::vector<int32_t> token = {step % TOKENS};
      steps.push_back(decode(context, token));
    }
    printf("%10u %18.1f %18.1f\n", length, length / median(prefill), 1 / median(steps));
    symbol<void(llama_context *)>("llama_free")(context);
  }
  symbol<void(llama_model *)>("llama_model_free")(model);
}
