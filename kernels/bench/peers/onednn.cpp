// How fast oneDNN multiplies the matrices that `cider bench` does, on the same machine.
//
//   apt-get install libdnnl-dev
//   g++ -O2 -fopenmp onednn.cpp -ldnnl -o onednn
//   OMP_WAIT_POLICY=active OMP_NUM_THREADS=2 ./onednn 1,8,128 4096x4096,10240x2560 [u8s8|bf16|f32]
//
// u8 × s8 -> s32 leaves out what cider's figures include (quantizing the activations, scales, bias), in oneDNN's
// favour; so does bf16, whose activations are rounded to bf16 already. ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI keeps it from
// AMX, AVX512_CORE_BF16 leaves it VDPBF16PS. Weights are in oneDNN's own layout and cold: each call takes the next of as
// many copies as fill 192 MB. Medians of at least 5 runs and a fifth of a second.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

using dnnl::memory;
using Type = memory::data_type;

namespace {

constexpr size_t COLD_BYTES = 192u << 20;

std::vector<std::string> split(const std::string &text, char at) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// 1 in each element: sums stay far from numbers that are slow to compute with.
void fill(const memory &target, Type type) {
  const size_t bytes = target.get_desc().get_size();
  if (type == Type::f32) {
    std::fill_n(static_cast<float *>(target.get_data_handle()), bytes / 4, 1.0f);
  } else if (type == Type::bf16) {
    std::fill_n(static_cast<uint16_t *>(target.get_data_handle()), bytes / 2, uint16_t{0x3f80});
  } else {
    std::fill_n(static_cast<char *>(target.get_data_handle()), bytes, 1);
  }
}

// Milliseconds of one product x [m, k] · w [n, k]ᵀ.
double measure(const dnnl::engine &engine, dnnl::stream &stream, Type x_type, Type w_type, Type out_type, long m, long n,
               long k) {
  const memory::desc x_desc({m, k}, x_type, memory::format_tag::ab);
  const memory::desc w_desc({k, n}, w_type, memory::format_tag::any);
  const memory::desc out_desc({m, n}, out_type, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x_desc, w_desc, out_desc), engine);
  const dnnl::matmul matmul(description);
  const memory x(x_desc, engine), out(out_desc, engine);
  fill(x, x_type);
  std::vector<memory> weights;
  for (size_t bytes = 0; bytes < COLD_BYTES; bytes += description.weights_desc().get_size()) {
    weights.emplace_back(description.weights_desc(), engine);
    fill(weights.back(), w_type);
  }
  std::vector<double> samples;
  double total = 0;
  for (size_t run = 0; samples.size() < 6 || total < 200; run++) {
    const auto start = std::chrono::steady_clock::now();
    matmul.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights[run % weights.size()]}, {DNNL_ARG_DST, out}});
    stream.wait();
    samples.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    total += samples.back();
  }
  samples.erase(samples.begin());
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

} // namespace

int main(int count, char **arguments) {
  if (count != 3 && count != 4) {
    fprintf(stderr, "usage: %s M[,M...] NxK[,NxK...] [u8s8|bf16|f32]\n", arguments[0]);
    return 2;
  }
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  printf("%-16s %6s %6s %6s %10s %8s\n", "kernel", "N", "K", "M", "ms", "GOPS");
  for (const std::string &shape : split(arguments[2], ',')) {
    const long n = atol(shape.c_str()), k = atol(shape.substr(shape.find('x') + 1).c_str());
    for (const std::string &rows : split(arguments[1], ',')) {
      const long m = atol(rows.c_str());
      const struct {
        const char *name;
        Type x, w, out;
      } kernels[] = {{"onednn u8s8", Type::u8, Type::s8, Type::s32},
                     {"onednn bf16", Type::bf16, Type::bf16, Type::f32},
                     {"onednn f32", Type::f32, Type::f32, Type::f32}};
      for (const auto &kernel : kernels) {
        if (count == 4 && std::string(kernel.name) != std::string("onednn ") + arguments[3]) continue;
        const double milliseconds = measure(engine, stream, kernel.x, kernel.w, kernel.out, m, n, k);
        printf("%-16s %6ld %6ld %6ld %10.4f %8.1f\n", kernel.name, n, k, m, milliseconds,
               2e-6 * double(m) * double(n) * double(k) / milliseconds);
      }
    }
  }
}
