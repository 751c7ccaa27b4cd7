// Operations on rows of activations alone.
#include "buffers.h"
#include "operations.h"

#include "../../kernels/cpu/sizes.h"
#include "../../kernels/metal/parameters.h"

namespace cider::metal {

namespace {

// Elements of a launch, whose count has 32 bits. A multiple of what offsets into buffers are aligned to.
constexpr uint64_t max_elements = uint64_t{1} << 31;

Size element_grid(uint64_t count) { return {divide_up(count, uint64_t{ELEMENT_THREADS}), 1, 1}; }

int elementwise(cider_device *handle, const char *name, const cider_elementwise_params &params) {
  const auto &[out, a, b, count] = params;
  for (uint64_t first = 0; first < count; first += max_elements) {
    const uint64_t elements = least(max_elements, count - first);
    const uint64_t offset = first * sizeof(float);
    const ElementwiseParameters parameters = {static_cast<uint32_t>(elements), 0};
    const Argument arguments[] = {part(object_of(out), offset), part(object_of(a), offset), part(object_of(b), offset),
                                  copy_of(parameters)};
    TRY(launch(device_of(handle), {base_library, name, ELEMENT_THREADS}, arguments, element_grid(elements),
               static_cast<double>(elements)));
  }
  return CIDER_OK;
}

} // namespace

int rms_norm(cider_device *handle, const cider_rms_norm_params &params) {
  const auto &[out, x, gain, rows, columns, epsilon] = params;
  const RmsNormParameters parameters = {columns, epsilon};
  const Argument arguments[] = {whole(out), whole(x), whole(gain), copy_of(parameters)};
  return launch(device_of(handle), {base_library, "rms_norm", ROW_THREADS}, arguments, {rows, 1, 1},
                static_cast<double>(rows) * columns);
}

int silu_mul(cider_device *handle, const cider_elementwise_params &params) {
  return elementwise(handle, "silu_mul", params);
}

int gelu_tanh_mul(cider_device *handle, const cider_elementwise_params &params) {
  return elementwise(handle, "gelu_tanh_mul", params);
}

int add(cider_device *handle, const cider_elementwise_params &params) { return elementwise(handle, "add", params); }

int soft_cap(cider_device *handle, const cider_soft_cap_params &params) {
  const auto &[x, count, cap] = params;
  for (uint64_t first = 0; first < count; first += max_elements) {
    const uint64_t elements = least(max_elements, count - first);
    const ElementwiseParameters parameters = {static_cast<uint32_t>(elements), cap};
    const Argument arguments[] = {part(object_of(x), first * sizeof(float)), copy_of(parameters)};
    TRY(launch(device_of(handle), {base_library, "soft_cap", ELEMENT_THREADS}, arguments, element_grid(elements),
               static_cast<double>(elements)));
  }
  return CIDER_OK;
}

int rope(cider_device *handle, const cider_rope_params &params) {
  const auto &[x, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor] = params;
  Device &device = device_of(handle);
  id table;
  TRY(device.rope_tables.find(device, {inverse_frequencies, head_dim / 2, first_position, rows, attention_factor},
                              &table));
  const RopeParameters parameters = {columns / head_dim, head_dim};
  const Argument arguments[] = {whole(x), whole(table), copy_of(parameters)};
  return launch(device, {base_library, "rope", ELEMENT_THREADS}, arguments,
                {divide_up(columns / 2, uint32_t{ELEMENT_THREADS}), rows, 1}, static_cast<double>(rows) * columns);
}

} // namespace cider::metal
